import { modelsTexts, type LicencePlainKey } from '../../texts/models.ts';

export interface LicenceView {
  /** As it is shown in a tag. */
  label: string;
  /** What it allows in a few words; null when it is not known here. */
  plain: string | null;
  /** Some uses are excluded or need a permission. */
  restricted: boolean;
}

type Known = readonly [label: string, plain: LicencePlainKey, restricted?: 'restricted'];

const { gemma, research, nonProduction, other } = modelsTexts.licenceLabels;

// Keys are the lower-case identifiers that `general.license` and the Hub use; mostly SPDX.
const known: Readonly<Record<string, Known>> = {
  'apache-2.0': ['Apache-2.0', 'permissive'],
  mit: ['MIT', 'permissive'],
  isc: ['ISC', 'permissive'],
  'bsd-2-clause': ['BSD-2-Clause', 'permissive'],
  'bsd-3-clause': ['BSD-3-Clause', 'permissive'],
  'cc0-1.0': ['CC0-1.0', 'permissiveNoConditions'],
  unlicense: ['Unlicense', 'permissiveNoConditions'],
  'cc-by-4.0': ['CC-BY-4.0', 'attribution'],
  'cc-by-sa-4.0': ['CC-BY-SA-4.0', 'attributionShareAlike'],
  'cc-by-nc-4.0': ['CC-BY-NC-4.0', 'nonCommercial', 'restricted'],
  'cc-by-nc-sa-4.0': ['CC-BY-NC-SA-4.0', 'nonCommercial', 'restricted'],
  'cc-by-nc-nd-4.0': ['CC-BY-NC-ND-4.0', 'nonCommercial', 'restricted'],
  'gpl-3.0': ['GPL-3.0', 'copyleft'],
  'lgpl-3.0': ['LGPL-3.0', 'copyleft'],
  'agpl-3.0': ['AGPL-3.0', 'copyleft'],
  'mpl-2.0': ['MPL-2.0', 'copyleft'],
  openrail: ['OpenRAIL', 'useRestrictions', 'restricted'],
  'bigscience-openrail-m': ['OpenRAIL-M', 'useRestrictions', 'restricted'],
  'creativeml-openrail-m': ['OpenRAIL-M', 'useRestrictions', 'restricted'],
  gemma: [gemma, 'gemma', 'restricted'],
  llama2: ['Llama 2', 'llama', 'restricted'],
  llama3: ['Llama 3', 'llama', 'restricted'],
  'llama3.1': ['Llama 3.1', 'llama', 'restricted'],
  'llama3.2': ['Llama 3.2', 'llama', 'restricted'],
  'llama3.3': ['Llama 3.3', 'llama', 'restricted'],
  llama4: ['Llama 4', 'llama', 'restricted'],
  mrl: [research, 'research', 'restricted'],
  mnpl: [nonProduction, 'nonProduction', 'restricted'],
  other: [other, 'vendor', 'restricted'],
};

/** What the screens say of a header's licence field; null when the header states none. */
export function licenceView(licence: string | null): LicenceView | null {
  const id = licence?.trim() ?? '';
  if (id === '') return null;
  // SPDX's "-only" and "-or-later" change nothing about what a user may do with the model.
  const key = id.toLowerCase().replace(/-(only|or-later)$/, '');
  // Strangers write this field: `constructor` is no licence.
  const entry = Object.hasOwn(known, key) ? known[key] : undefined;
  if (!entry) return { label: id, plain: null, restricted: false };
  return { label: entry[0], plain: modelsTexts.licencePlain[entry[1]], restricted: entry[2] !== undefined };
}

/** Of its tag where it says what is allowed: green only for what is known to allow work. */
export function licenceTone({ plain, restricted }: LicenceView): 'ok' | 'warn' | 'plain' {
  if (restricted) return 'warn';
  return plain === null ? 'plain' : 'ok';
}
