import type { Preset } from '../../../../src-main/contract/index.ts';
import { inspectorTexts } from '../../../texts/inspector.ts';

/** The name of a preset for a person; those of the app have theirs in the texts. */
export function presetName({ name, builtIn }: Pick<Preset, 'name' | 'builtIn'>): string {
  return builtIn === null ? name : inspectorTexts.library.builtInNames[builtIn];
}
