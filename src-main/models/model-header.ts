import { appError } from '../contract/index.ts';
import { openFileSource, type FileSource } from './byte-source.ts';
import { malformed } from './gguf-errors.ts';
import type { HeaderReader } from './gguf-header.ts';
import { joinWeights } from './gguf-shape.ts';
import type { GgufHeader } from './gguf-summary.ts';
import type { FoundModel } from './model-files.ts';

/** The header of a whole model: the first part's facts, the weights of all parts. */
export type ModelHeader = Omit<GgufHeader, 'architecture'> & { architecture: string };

/** Reads and checks every part of a model. */
export type ReadHeader = (found: FoundModel) => Promise<ModelHeader>;

/** `general.type` of files that hold something else than a model one can talk to. */
const OTHER_KINDS = new Set(['adapter', 'mmproj', 'imatrix', 'vocab']);

export interface JoinOptions {
  /** A LoRA adapter is taken too. */
  takesAdapters?: boolean;
}

/**
 * Makes the function that reads a model from local files.
 * @throws (from the function) model_not_gguf, model_truncated, model_malformed, model_file_missing,
 * model_unsupported_architecture for image projectors and adapters of another kind than LoRA
 */
export function readerOfFiles(headers: HeaderReader): ReadHeader {
  const readPart = async (path: string): Promise<GgufHeader> => {
    let source: FileSource | undefined;
    try {
      source = await openFileSource(path);
      return await headers.read(source);
    } catch (error) {
      throw asFileError(error);
    } finally {
      await source?.close();
    }
  };

  return async ({ partPaths }) => {
    const parts: GgufHeader[] = [];
    for (const path of partPaths) parts.push(await readPart(path));
    return joinHeaders(parts, { takesAdapters: true });
  };
}

/**
 * The header of a whole model from those of its parts, in order.
 * @throws model_malformed; model_unsupported_architecture for image projectors, and for adapters unless they are
 * asked for
 */
export function joinHeaders(
  parts: readonly GgufHeader[],
  { takesAdapters = false }: JoinOptions = {},
): ModelHeader {
  const [first] = parts;
  if (!first || first.architecture === null) throw malformed('architecture');
  const isWanted = takesAdapters && first.adapter !== null;
  if (first.kind !== null && OTHER_KINDS.has(first.kind) && !isWanted) {
    throw appError('model_unsupported_architecture', { architecture: first.kind });
  }
  for (const [index, { split }] of parts.entries()) {
    const fits = split === null ? parts.length === 1 : split.index === index && split.count === parts.length;
    if (!fits) throw malformed('parts');
  }
  const tensorCount = parts.reduce((sum, part) => sum + part.tensorCount, 0);
  if (tensorCount === 0) throw malformed('no tensors');
  const parameterCount = parts.reduce((sum, part) => sum + part.parameterCount, 0);
  const weights = joinWeights(parts.map((part) => part.weights));
  const shapes = parts.flatMap((part) => part.shapes);
  return { ...first, architecture: first.architecture, parameterCount, tensorCount, weights, shapes };
}

/** A file that cannot be opened is missing for the user; errors of the contract pass. */
function asFileError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const missing = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EACCES', 'EPERM', 'EIO', 'EOF'];
  if (typeof code !== 'string' || !missing.includes(code)) return error;
  return appError('model_file_missing', { reason: code }, { cause: error });
}
