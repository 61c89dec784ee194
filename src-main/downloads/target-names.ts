import { randomUUID } from 'node:crypto';
import { basename, join } from 'node:path';

/** File systems allow 255 bytes; the rest is for `.part`. */
const MAX_NAME_BYTES = 240;
/** What one of Linux, macOS and Windows does not take in a name, or does not show. */
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>:"/\\|?*]/gu;
/** Devices of Windows, whatever the extension. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/iu;
/** `-00001-of-00003.gguf`: the library knows the parts of a model by it. */
const ENDING = /(?:-\d{5}-of-\d{5})?\.gguf$/iu;

/** Folders of one commit that are numbered; after that they have names that nobody else can have. */
const MAX_NUMBER = 20;

/** Ending of a file that is not whole or not verified yet. */
export const PARTIAL = '.part';

/** A name for a file or folder that every system takes; `name` is one step of a path on the Hub. */
export function safeName(name: string): string {
  const ending = ENDING.exec(name)?.[0] ?? '';
  const stem = name
    .slice(0, name.length - ending.length)
    .normalize('NFC')
    .replaceAll(FORBIDDEN, '_')
    .replace(/^[ .]+/u, '')
    .replace(ending === '' ? /[ .]+$/u : /$/u, '');
  const named = stem === '' ? '_' : DEVICE.test(stem + ending) ? `_${stem}` : stem;
  return shortened(named, MAX_NAME_BYTES - Buffer.byteLength(ending)) + ending;
}

/** The longest beginning of whole characters that fits. */
function shortened(text: string, maxBytes: number): string {
  let end = 0;
  let bytes = 0;
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

/**
 * Where the parts of a model go: the owner's folder, in a folder of the model's own when names there are taken.
 * @param model `paths`: of its parts on the Hub
 * @param isTaken whether another file has, or will have, the name that is meant for a part
 */
export function targetsOf(
  model: { repo: string; revision: string; paths: readonly string[] },
  folder: string,
  isTaken: (path: string, part: number) => boolean,
): string[] {
  const [owner = '', name = ''] = model.repo.split('/');
  const names = model.paths.map((path) => safeName(basename(path)));
  const inFolder = (...below: string[]) =>
    names.map((file) => join(folder, safeName(owner), ...below.map(safeName), file));
  const ownFolder = `${name} ${model.revision.slice(0, 8)}`;
  const choices = [inFolder(), inFolder(ownFolder)];
  for (let number = 2; number <= MAX_NUMBER; number += 1) choices.push(inFolder(`${ownFolder} ${number}`));
  const free = choices.find((targets) => !targets.some(isTaken));
  return free ?? inFolder(`${ownFolder} ${randomUUID()}`);
}
