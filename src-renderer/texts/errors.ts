import type { ErrorCode } from '../../src-main/contract/index.ts';
import { formatCount, formatFileSize, formatMemory, formatWait } from '../lib/format.ts';
import type { Failure, FailureDetails } from '../state/failure.ts';
import { catalogue } from './catalogue.ts';

/** What a person can do about a failure. A screen shows those that it can carry out. */
export type NextStep =
  | 'answer_again'
  | 'change_context'
  | 'leave_out'
  | 'choose_model'
  | 'load_anyway'
  | 'new_chat'
  | 'open_engine_settings'
  | 'open_folder_settings'
  | 'open_models'
  | 'open_privacy_settings'
  | 'reload'
  | 'restart_engine'
  | 'try_again';

export interface FailureText {
  readonly title: string;
  readonly text: string;
  /** The first is the primary one. */
  readonly steps: readonly NextStep[];
}

interface Context {
  readonly details: FailureDetails;
  /** Name of the model concerned, where the screen knows it. */
  readonly model: string;
  /** The answer had begun: what there is of it is kept. */
  readonly partial: boolean;
}

const unnamedModel = catalogue({ name: 'This model' }).name;

function bytesOf(details: FailureDetails, key: string): string | null {
  const value = details[key];
  return typeof value === 'number' ? formatMemory(value) : null;
}

const titles = catalogue({
  invalid_input: 'This was not accepted',
  malformed_frame: 'The page and the app did not understand each other',
  unauthorized: 'This page is not allowed in',
  protocol_mismatch: 'This page does not match the running app',
  connection_lost: 'The connection to Leeward is lost',
  not_found: 'It is no longer there',
  conflict: 'Something else changed it first',
  aborted: 'Stopped',
  internal: 'Something failed inside the app',
  offline: 'Offline is on, so nothing was connected',
  host_not_allowed: 'This host is not on the list',
  network_failed: 'The connection failed',
  hub_gated: 'This model asks you to accept its terms',
  hub_rate_limited: 'The hub asks to wait',
  checksum_mismatch: 'The file does not match its checksum',
  file_changed: 'The file on the hub has changed',
  model_not_gguf: 'This file is not a GGUF model',
  model_truncated: 'The model file is not complete',
  model_malformed: 'The model file is damaged',
  model_unsupported_architecture: 'The engine cannot run this kind of model',
  model_not_enough_memory: 'There is not enough free memory for this model',
  model_file_missing: 'The model file is no longer there',
  model_file_forbidden: 'This file is outside the allowed folders',
  model_damaged: 'The file is not what was downloaded',
  model_load_failed: 'The model did not load',
  model_load_crashed: 'The engine stopped while it loaded this model',
  adapter_mismatch: 'The adapter does not fit this model',
  no_model: 'No model yet',
  engine_binary_missing: 'The engine for this computer is missing',
  engine_start_failed: 'The engine did not start',
  engine_crashed: 'The engine stopped',
  engine_unavailable: 'The engine stopped too often',
  context_full: 'The chat is longer than the context',
  import_unreadable: 'The file cannot be read as chats',
  disk_full: 'The disk is full',
  store_newer: 'Your chats were saved by a newer Leeward',
  store_damaged: 'The chat database does not pass its check',
  store_read_only: 'The chats are open for reading only',
  store_failed: 'The change could not be saved',
  data_folder_in_use: 'Leeward is already running',
} satisfies Record<ErrorCode, string>);

/** Where part of an answer was written, another title says better what happened. */
const partialTitles: Partial<Record<ErrorCode, string>> = catalogue({
  context_full: 'The context is full, so the answer ends here',
});

/** The file that is concerned: an adapter where one is named. */
function subjectOf({ details, model }: Context): string {
  const { adapter } = details;
  return typeof adapter === 'string' ? adapter : model;
}

function memoryText({ details, model }: Context): string {
  const need = bytesOf(details, 'needBytes');
  const free = bytesOf(details, 'freeBytes');
  if (need === null || free === null)
    return `${model} needs more memory than is free now. Close other apps, use a smaller context or choose a smaller model.`;
  return `${model} needs about ${need} and ${free} is free. Close other apps, use a smaller context or choose a smaller model.`;
}

function architectureText({ details, model }: Context): string {
  const name = details['architecture'];
  const kind = typeof name === 'string' && name !== '' ? `"${name}"` : 'that its file names';
  return `${model} is of the kind ${kind}, which the engine in this version of Leeward cannot run; a later version may. The file itself was not changed. Choose another model.`;
}

/** Two cases: the chat was too long to be read, or the answer ran into the end while it was written. */
function contextText({ details, partial }: Context): string {
  const size = details['contextSize'];
  const context = typeof size === 'number' ? `the context of ${formatCount(size)} tokens` : 'the context';
  const happened = partial
    ? `The chat and this answer together fill ${context}. What was written is kept.`
    : `It does not fit into ${context}, so the model did not read it. Your message is kept.`;
  return `${happened} Start a new chat, or give the model a larger context.`;
}

/** Before a large step the space is looked at; in the middle of one there are no figures. */
function diskText({ details }: Context): string {
  const [need, free] = [details['needBytes'], details['freeBytes']];
  if (typeof need !== 'number' || typeof free !== 'number')
    return 'Saving stopped to protect your chats; nothing that was saved is lost. Free at least 200 MB, then try again.';
  return `This was not begun, so nothing is lost: it needs ${formatFileSize(need)} free on this disk, and ${formatFileSize(free)} is. Free some space, then try again.`;
}

function waitText({ details }: Context): string {
  const wait = details['retryAfterMs'];
  return typeof wait === 'number' && wait > 0
    ? `Too many requests came from this connection. Try again in ${formatWait(wait)}.`
    : 'Too many requests came from this connection. Wait a minute, then try again.';
}

const texts = catalogue({
  invalid_input: () => 'A value is outside what is allowed. Nothing was changed.',
  malformed_frame: () => 'Load the page again. Your chats are saved.',
  unauthorized: () =>
    'The address lacks the token of this run, or the app was started anew. Open the address that Leeward printed when it started.',
  protocol_mismatch: () =>
    'Leeward was updated while this page was open. Load the page again; your chats are saved.',
  connection_lost: () =>
    'What you typed is kept here, and the chats are saved. Leeward tries again by itself.',
  not_found: () => 'It was removed, perhaps in another window.',
  conflict: () => 'It is busy or was changed in another window. Look at it again, then repeat the step.',
  aborted: () => 'It was stopped before it ended.',
  internal: () => 'The chat is saved. Try again; if it happens twice, restart Leeward.',
  offline: () => 'Nothing was sent. You can switch Offline off in Settings, under Privacy.',
  host_not_allowed: () => 'Leeward connects to the hosts it names and to no other. Nothing was sent.',
  network_failed: () => 'Check the connection of this computer, then try again.',
  hub_gated: () =>
    'Accept the terms on its page on the hub, then give Leeward your access token in Settings, under Privacy.',
  hub_rate_limited: waitText,
  checksum_mismatch: ({ model }: Context) =>
    `${model} did not arrive as published. It stays off until every byte matches.`,
  file_changed: ({ model }: Context) =>
    `${model} is no longer the file that this download began with. Cancel it, open its page again and take the new one.`,
  model_not_gguf: ({ model }: Context) =>
    `${model} does not start like a GGUF file. Look for a file that ends in .gguf.`,
  model_truncated: ({ model }: Context) =>
    `${model} is shorter than its own header says, most likely because a download or a copy ended early. Copy or fetch it again.`,
  model_malformed: ({ model }: Context) =>
    `The header of ${model} cannot be read. Copy or fetch the file again. It was not changed.`,
  model_unsupported_architecture: architectureText,
  model_not_enough_memory: memoryText,
  model_file_missing: (context: Context) =>
    `The file of ${subjectOf(context)} was moved, renamed or deleted, or its disk is not connected. Put it back, or choose another model.`,
  model_file_forbidden: () =>
    'Leeward opens model files only from folders that you allowed. Put the file into one of them.',
  model_damaged: (context: Context) =>
    `A check found that ${subjectOf(context)} does not match its published hash, so it stays off. Repair it from its check on the Models page, or dismiss the check to use it as it is.`,
  model_load_failed: ({ model }: Context) =>
    `The engine refused ${model}. The chat is saved. A smaller context or fewer layers on the graphics card may help.`,
  model_load_crashed: ({ model }: Context) =>
    `${model} took the engine down, so it is not tried again by itself. The chat is saved. Try with flash attention off or a smaller context.`,
  adapter_mismatch: ({ model }: Context) =>
    `It was made for a model of another build than ${model}. Detach it in the details of the model, or choose the model that it was made for.`,
  no_model: ({ details }: Context) =>
    details['waiting'] === true
      ? 'Choose a model to start this chat. Your message is kept here and sent once a model is ready.'
      : 'Choose a model to start this chat. Your message is kept here.',
  engine_binary_missing: () =>
    'The part of Leeward that runs models was not installed for this system. Install Leeward again; your chats stay.',
  engine_start_failed: () => 'The chat is saved. Start it again; if it fails twice, use the processor only.',
  engine_crashed: ({ model }: Context) =>
    `It was answering with ${model}. The chat is saved and the engine starts again by itself. Same step twice? Try with flash attention off.`,
  engine_unavailable: () =>
    'It waits for you before it starts again. The chat is saved. Try with flash attention off or on the processor only.',
  context_full: contextText,
  import_unreadable: () => 'Nothing of it was kept.',
  disk_full: diskText,
  store_newer: () =>
    'Nothing was changed. Start the newer version of Leeward again, or use a backup from before.',
  store_damaged: () => 'It was not changed. Start Leeward with the newest backup in its data folder.',
  store_read_only: () =>
    'Nothing was changed, and what you typed is kept here. Choose a backup to go on with; before that you can export what you need.',
  store_failed: () => 'What you typed is kept here. Try again.',
  data_folder_in_use: () => 'Another Leeward uses the same data folder. Close it first, or use that one.',
} satisfies Record<ErrorCode, (context: Context) => string>);

const steps: Record<ErrorCode, readonly NextStep[]> = {
  invalid_input: [],
  malformed_frame: ['reload'],
  unauthorized: ['try_again'],
  protocol_mismatch: ['reload'],
  connection_lost: ['try_again'],
  not_found: ['new_chat'],
  conflict: ['try_again', 'answer_again'],
  aborted: ['answer_again'],
  internal: ['answer_again', 'try_again'],
  offline: ['open_privacy_settings'],
  host_not_allowed: ['open_privacy_settings'],
  network_failed: ['try_again'],
  hub_gated: ['open_privacy_settings'],
  hub_rate_limited: ['try_again'],
  checksum_mismatch: ['try_again'],
  file_changed: [],
  model_not_gguf: ['choose_model'],
  model_truncated: ['choose_model', 'open_models'],
  model_malformed: ['choose_model', 'open_models'],
  model_unsupported_architecture: ['choose_model', 'open_models'],
  model_not_enough_memory: ['choose_model', 'change_context', 'answer_again'],
  model_file_missing: ['choose_model', 'answer_again', 'try_again'],
  model_file_forbidden: ['open_folder_settings'],
  model_damaged: [],
  model_load_failed: ['answer_again', 'choose_model', 'open_engine_settings'],
  model_load_crashed: ['load_anyway', 'choose_model', 'open_engine_settings'],
  adapter_mismatch: ['choose_model', 'open_models'],
  no_model: ['choose_model', 'open_models'],
  engine_binary_missing: [],
  engine_start_failed: ['restart_engine', 'open_engine_settings'],
  engine_crashed: ['answer_again', 'choose_model', 'open_engine_settings'],
  engine_unavailable: ['restart_engine', 'open_engine_settings'],
  context_full: ['leave_out', 'new_chat', 'change_context'],
  import_unreadable: [],
  disk_full: ['try_again'],
  store_newer: [],
  store_damaged: [],
  store_read_only: [],
  store_failed: ['try_again'],
  data_folder_in_use: ['try_again'],
};

/** Labels of the buttons that carry out a step. */
export const stepLabels = catalogue({
  answer_again: 'Answer again',
  change_context: 'Change context',
  choose_model: 'Choose a model',
  leave_out: 'Answer without the oldest messages',
  load_anyway: 'Load anyway',
  new_chat: 'Start a new chat',
  open_engine_settings: 'Engine settings',
  open_folder_settings: 'Show allowed folders',
  open_models: 'Open Models',
  open_privacy_settings: 'Open Privacy',
  reload: 'Load the page again',
  restart_engine: 'Start the engine',
  try_again: 'Try again',
} satisfies Record<NextStep, string>);

/**
 * The text of a failure: what happened, that nothing is lost, and the steps that help.
 * @param model name of the model concerned, where the screen knows it
 * @param partial part of an answer was written before
 */
export function failureText(
  failure: Pick<Failure, 'code' | 'details'>,
  model: string | null = null,
  partial = false,
): FailureText {
  const { code, details } = failure;
  return {
    title: partial ? (partialTitles[code] ?? titles[code]) : titles[code],
    text: texts[code]({ details, model: model ?? unnamedModel, partial }),
    steps: steps[code],
  };
}
