import type { AdapterBase, AdapterMatch } from '../contract/index.ts';
import type { TensorShape } from './gguf-adapter.ts';

/** What is asked of an adapter. */
export interface AdapterNeeds {
  architecture: string;
  bases: readonly AdapterBase[];
  targets: readonly TensorShape[];
}

/** What a model has to offer it. */
export interface AdapterHost {
  architecture: string;
  shapes: readonly TensorShape[];
  /** Everything it is called: its own name, its repository and those that it was made from. */
  names: readonly string[];
}

/**
 * Whether an adapter can be laid over a model, by the rules of the engine: same architecture, and every tensor
 * that it changes is there with the same sizes. Pure.
 */
export function matchAdapter(
  adapter: AdapterNeeds,
  host: AdapterHost,
): { match: AdapterMatch; tensor: string | null } {
  if (adapter.architecture !== host.architecture) return { match: 'other_architecture', tensor: null };
  const sizes = new Map(host.shapes.map(([name, columns, rows]) => [name, `${columns} ${rows}`]));
  const wrong = adapter.targets.find(([name, columns, rows]) => sizes.get(name) !== `${columns} ${rows}`);
  if (wrong) return { match: 'other_tensors', tensor: wrong[0] };
  return { match: isNamedBase(adapter.bases, host.names) ? 'named' : 'fits', tensor: null };
}

/**
 * Whether one of the bases is the model of these names: the same repository, or the same name however it is
 * written (`Mistral-7B-v0.3`, `Mistral 7B v0.3`). Pure.
 */
export function isNamedBase(bases: readonly AdapterBase[], names: readonly string[]): boolean {
  const known = new Set(names.flatMap((name) => [plain(name), plain(lastStep(name))]));
  known.delete('');
  return bases.some(({ name, repo }) =>
    [name, repo, repo === null ? null : lastStep(repo)].some(
      (said) => said !== null && known.has(plain(said)),
    ),
  );
}

const lastStep = (repo: string) => repo.slice(repo.lastIndexOf('/') + 1);
/** The format is no part of what a model is. */
const plain = (name: string) =>
  name
    .toLowerCase()
    .replace(/[-_. ]?gguf$/u, '')
    .replace(/[^\p{L}\p{N}]/gu, '');
