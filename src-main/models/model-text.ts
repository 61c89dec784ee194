// Control characters, and the marks that reverse, hide or join text: a name must read as what it is.
const UNREADABLE = /[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}\uFFFC-\uFFFF]/gu;

const MAX_CLEANED_LENGTH = 10_000;

/** One line of readable text: no control or direction marks, single spaces. */
export function cleanText(text: string): string {
  // Cut first: cleaning a hostile megabyte costs more than what is kept of it.
  return text.slice(0, MAX_CLEANED_LENGTH).replace(UNREADABLE, ' ').replace(/\s+/gu, ' ').trim();
}

/** At most `length` UTF-16 units, an ellipsis for what was cut; no half of a surrogate pair is left. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const cut = text.slice(0, length - 1);
  return `${cut.isWellFormed() ? cut : cut.slice(0, -1)}…`;
}

const MAX_NAME_LENGTH = 120;
/** More than a name has, little enough for patterns that look back at each of its characters. */
const MAX_READ_LENGTH = 500;
const SPLIT_SUFFIX = /-\d{5}-of-\d{5}$/u;
/** A quant at the end of a name: `Q4_K_M`, `UD-IQ2_XXS`, `q8_0`, `f16`. It is shown apart from the name. */
const QUANT_SUFFIX =
  /[-._ ]+(?:(?:UD|i1)-)?(?:I?Q\d(?:_[0-9A-Z]+)*|TQ\d_\d|B?F16|F32|MXFP4(?:_MOE)?|NVFP4)$/iu;
/** The file's format at the end of a name: no part of what a model is called. */
const FORMAT_SUFFIX = /[-._ ]+(?:gguf|hf)$/iu;
/** Names that converters leave behind when they knew none. */
const MEANINGLESS =
  /^(?:(?:ggml[-_ ])?models?|(?:base|pytorch)[-_ ]model|snapshots?|checkpoints?|weights|hf|tmp|temp|merged|outputs?|results?|final|workspace|content|unsloth|unknown|none|null|gguf|\P{L}+|sha256-[0-9a-f]+|(?=[a-f]*\d)[0-9a-f]{7,})$/iu;
/** Words of whoever trained or converted it: steps, epochs, mixes, formats of other programs. */
const JARGON =
  /(?<![a-z0-9])(?:(?:check[-_ ]?point|ckpt)s?(?:[-_ ]?\d+)?|(?:global[-_ ]?)?(?:step|iter)s?[-_ ]?\d{2,}|ep(?:och)?s?[-_ ]?\d+|mix\d+|lc\d+k?|run\d+|lr[-_ ]?\d\S*|r\d+[-_ ]a(?:lpha)?\d+|merged|imatrix|awq|gptq|bnb|fp16|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{12,})(?![a-z0-9])/iu;
/** `7b`, `8x22b`, `270m`, `e4b`, and a version `v0.3`: what makes two models with one name others. */
const FIGURE = /(?<![a-z0-9.])(?:[ae]?(?:\d+x)?\d+(?:\.\d+)?[bm]|v\d+(?:\.\d+)*)(?![a-z0-9])/gu;
/** What a name says of how a model was trained, not which one it is. */
const VARIANT = /^(?:instruct|chat|base|it|assistant|model)$/u;

/**
 * The name that a person reads: what the header says or, where that is empty, a path, meaningless, the jargon of its
 * training, less than the file's name or of another model, the file's name without extension, part number and quant.
 */
export function modelName(headerName: string | null, fileName: string): string {
  const stem = fileName.replace(/\.gguf$/iu, '').replace(SPLIT_SUFFIX, '');
  const header = readableName(headerName ?? '');
  const file = readableName(stem);
  if (header === null || file === null)
    return header ?? file ?? shorten(cleanText(stem) || 'GGUF', MAX_NAME_LENGTH);
  return isBetterName(file, header) ? file : withoutMaker(header, file);
}

function readableName(text: string): string | null {
  // Converters that were given a folder write its whole path into the name.
  const last = /^(?:[./~\\]|[a-z]:[\\/])/iu.test(text) ? (text.split(/[\\/]/u).at(-1) ?? '') : text;
  const plain = last
    .slice(0, MAX_READ_LENGTH)
    .replace(/\.gguf$/iu, '')
    .replace(QUANT_SUFFIX, '')
    .replace(FORMAT_SUFFIX, '');
  const name = cleanText(plain);
  return name === '' || MEANINGLESS.test(name) ? null : shorten(name, MAX_NAME_LENGTH);
}

/** `maker_model-7b` of the file `model-7b`. */
function withoutMaker(header: string, file: string): string {
  return header.toLowerCase().endsWith(`_${file.toLowerCase()}`) ? header.slice(-file.length) : header;
}

/** Whether the file's name says better what a model is. Both readable. */
function isBetterName(file: string, header: string): boolean {
  if (JARGON.test(file)) return false;
  if (JARGON.test(header)) return true;
  const [inFile, inHeader] = [figuresOf(file), figuresOf(header)];
  const words = wordsOf(file);
  const family = words.filter((word) => word.length > 2 && !VARIANT.test(word));
  const isWellFormed = family.length > 0 && (inFile.length > 0 || words.some((word) => VARIANT.test(word)));
  if (!isWellFormed) return false;
  const [all, said] = [squeezed(file), squeezed(header)];
  const isLonger = all.startsWith(said) && all !== said;
  return (
    isLonger ||
    inFile.some((figure) => !inHeader.includes(figure)) ||
    !family.some((word) => said.includes(word))
  );
}

const figuresOf = (name: string): readonly string[] =>
  name.toLowerCase().replaceAll('_', ' ').match(FIGURE) ?? [];
const wordsOf = (name: string) => name.toLowerCase().match(/\p{L}+/gu) ?? [];
const squeezed = (name: string) => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
