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
const SPLIT_SUFFIX = /-\d{5}-of-\d{5}$/u;
/** A quant at the end of a name: `Q4_K_M`, `UD-IQ2_XXS`, `q8_0`, `f16`. It is shown apart from the name. */
const QUANT_SUFFIX =
  /[-._ ]+(?:(?:UD|i1)-)?(?:I?Q\d(?:_[0-9A-Z]+)*|TQ\d_\d|B?F16|F32|MXFP4(?:_MOE)?|NVFP4)$/iu;
/** Names that converters leave behind when they knew none. */
const MEANINGLESS =
  /^(?:model|models|snapshots?|hf|tmp|temp|merged|output|unknown|none|null|gguf|[\d.]+|[0-9a-f]{20,})$/iu;

/**
 * The name that a person reads: what the header says unless that is empty, a path or meaningless, else the
 * file's name without extension, part number and quant.
 */
export function modelName(headerName: string | null, fileName: string): string {
  const stem = fileName.replace(/\.gguf$/iu, '').replace(SPLIT_SUFFIX, '');
  for (const candidate of [headerName ?? '', stem]) {
    const name = readableName(candidate);
    if (name !== null) return name;
  }
  return shorten(cleanText(stem) || 'GGUF', MAX_NAME_LENGTH);
}

function readableName(text: string): string | null {
  // Converters that were given a folder write its whole path into the name.
  const last = /^(?:[./~\\]|[a-z]:[\\/])/iu.test(text) ? (text.split(/[\\/]/u).at(-1) ?? '') : text;
  const name = cleanText(last.replace(/\.gguf$/iu, '').replace(QUANT_SUFFIX, ''));
  return name === '' || MEANINGLESS.test(name) ? null : shorten(name, MAX_NAME_LENGTH);
}
