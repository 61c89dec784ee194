import { createHash } from 'node:crypto';
import type { EngineState } from '../contract/index.ts';
import type { BranchCopy, GenerateRequest, LoadRequest, SavedStates } from './api.ts';
import type {
  CopyEvent,
  GenerateEvent,
  GenerateInput,
  PromptInput,
  RestoreEvent,
  SidecarClient,
} from './sidecar/contract.ts';

/** The process ended while the library read a state: the state is at fault until shown otherwise. */
export class CrashedByState extends Error {}

/**
 * What a state on disk depends on, as one word. Pure.
 * @param parts of the loaded context, see `stateParts` of the sidecar
 */
export function stateKeyOf(request: LoadRequest, parts: string, state: EngineState): string {
  // How fast the engine is, how many chats it holds and how long it stays changes nothing in a state. All else may.
  const {
    modelId: _id,
    threads: _threads,
    sequences: _sequences,
    liveChats: _liveChats,
    speculation: _speculation,
    draft: _draft,
    measured: _measured,
    keepLoadedMinutes: _minutes,
    ...rest
  } = request;
  const { backend, engineVersion } = state;
  return createHash('sha256')
    .update(JSON.stringify([rest, parts, backend, engineVersion]))
    .digest('hex');
}

/**
 * Asks the sidecar which of the states on disk is worth reading, and the owner for its file.
 * @param key of the loaded model
 */
export async function savedStateFor(
  client: SidecarClient,
  input: PromptInput & Pick<GenerateRequest, 'conversationId' | 'savedStates' | 'branchCopy'>,
  key: string | null,
): Promise<GenerateInput['savedState']> {
  const { savedStates, branchCopy, ...prompt } = input;
  const candidates = (savedStates?.candidates ?? [])
    .filter((candidate) => candidate.key === key)
    .map(({ id, tokens, bytes }) => ({ id, tokens: [...tokens], bytes }));
  if (!savedStates || candidates.length === 0) return undefined;
  const mayCopy = branchCopy !== undefined;
  const copyFrom = [...(branchCopy?.from ?? [])];
  const id = await client.chooseState({ ...prompt, mayCopy, copyFrom, candidates });
  const chosen = candidates.find((candidate) => candidate.id === id);
  if (!chosen) return undefined;
  const path = await savedStates.open(chosen.id).catch(() => null);
  return path === null ? undefined : { ...chosen, path };
}

/** What a call may copy a branch by. Asked for just before the call: what was forgotten by then is not written. */
export function copyFileFor(
  copy: BranchCopy | undefined,
): Pick<GenerateInput, 'copyPath' | 'copyMaxBytes' | 'copyFrom'> {
  const path = copy?.open() ?? null;
  return copy && path !== null
    ? { copyPath: path, copyMaxBytes: copy.maxBytes, copyFrom: [...copy.from] }
    : {};
}

/** Follows what becomes of files, and tells their owner: of a state that is of no use, of a branch that was copied. */
export class RestoreWatch {
  readonly #states: SavedStates | undefined;
  readonly #copy: BranchCopy | undefined;
  #reading: string | null = null;

  constructor({ savedStates, branchCopy }: Pick<GenerateRequest, 'savedStates' | 'branchCopy'>) {
    this.#states = savedStates;
    this.#copy = branchCopy;
  }

  note(event: GenerateEvent | RestoreEvent | CopyEvent): void {
    if (event.type === 'copied') this.#copy?.closed(event.bytes);
    if (event.type === 'restoring') this.#reading = event.id;
    if (event.type !== 'restored') return;
    this.#reading = null;
    if (event.isRefused) this.#states?.rejected(event.id);
  }

  /** The process has died. @throws CrashedByState when it was reading a state */
  crashed(): void {
    if (this.failed()) throw new CrashedByState();
  }

  /** The call has failed; true when a state was being read, which is not to be read again. */
  failed(): boolean {
    const reading = this.#reading;
    if (reading === null) return false;
    this.#reading = null;
    this.#states?.rejected(reading);
    return true;
  }
}
