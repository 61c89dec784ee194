import type { Adapter, AdapterBase, AdapterChoice } from '../../../src-main/contract/index.ts';
import { adaptersTexts as texts } from '../../texts/adapters.ts';
import { nameOfRepo } from './hub-rows.ts';

/** What an adapter was made from, as a person says it; null when it does not say. */
export function baseName(bases: readonly AdapterBase[]): string | null {
  const [base] = bases;
  if (base === undefined) return null;
  return base.name ?? (base.repo === null ? null : nameOfRepo(base.repo));
}

/** Second line of an adapter. */
export function madeFor({ bases, architecture }: Adapter): string {
  const name = baseName(bases);
  return name === null ? texts.madeForUnknown(architecture) : texts.madeFor(name);
}

/** Why an adapter can be attached, or cannot. */
export function matchText(choice: AdapterChoice, adapter: Adapter): string {
  const { match, mismatch } = texts.section;
  switch (choice.match) {
    case 'named':
      return match.named;
    case 'fits':
      return adapter.bases.length === 0 ? match.fitsUnnamed : match.fits;
    case 'other_architecture':
      return mismatch.other_architecture(adapter.architecture);
    case 'other_tensors':
      return mismatch.other_tensors(choice.tensor ?? '');
  }
}
