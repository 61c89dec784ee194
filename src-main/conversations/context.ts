import type {
  ContextPartKind,
  ContextPreview,
  Message,
  PartPlace,
  ReasoningSettings,
  SentMessages,
} from '../contract/index.ts';
import type { ChatTurn } from '../engine/api.ts';
import { textWithFiles, type Files } from './attached.ts';
import { tokensAtMost, totalOf, type CountParts, type PartCounts } from './context-counts.ts';
import { planContext, reserveFor, type ContextPlan, type PromptPart } from './context-plan.ts';

/** What of a message a prompt is made of. */
export type PromptMessage = Pick<
  Message,
  'id' | 'role' | 'text' | 'pinned' | 'modelId' | 'stats' | 'settings' | 'status'
> & { readonly files?: Files };

/** A turn that is no message yet. */
export type TailTurn = ChatTurn & { readonly files?: Files };

/** A prompt before anything was decided about it. */
export interface PromptInput {
  readonly systemPrompt: string;
  /** From the root, in order. */
  readonly path: readonly PromptMessage[];
  /** What comes after it: a message that is being written, or the beginning of an answer. */
  readonly tail: readonly TailTurn[];
  readonly maxTokens: number | null;
  readonly reasoning: ReasoningSettings;
  /** Of the chat, see `promptDate`; absent before there is one. */
  readonly date?: string;
}

/** A prompt as it is sent. */
export interface PlannedPrompt {
  readonly systemPrompt: string;
  readonly turns: readonly ChatTurn[];
  readonly reasoning: ReasoningSettings;
  readonly date?: string;
  /** Messages that are not sent, oldest first. */
  readonly leftOut: readonly string[];
  readonly asks: boolean;
  readonly fits: boolean;
  /** The whole fits if less is kept free for the answer. */
  readonly fitsWhole: boolean;
  /** Null where nothing could be, or had to be, counted. */
  readonly counted: {
    readonly kept: PartCounts;
    readonly wholeTokens: number;
    readonly parts: PromptPart[];
  } | null;
}

/** The library needs room for one token more than the prompt. */
const NEXT_TOKEN = 1;
/** A recount that does not fit drops more; parts are counted well enough that this is rare. */
const MAX_RECOUNTS = 8;

/** What the engine gets of a message. */
export function turnOf({ role, text, files }: Pick<PromptMessage, 'role' | 'text' | 'files'>): ChatTurn {
  return { role, text: files?.length ? textWithFiles(text, files) : text };
}

/** What the engine gets of what comes after the path. */
function tailTurn({ files, ...turn }: TailTurn): ChatTurn {
  return { ...turn, ...turnOf({ ...turn, files: files ?? [] }) };
}

/** Ids that the newest answer of a branch was made without. */
export function leftOutBefore(path: readonly PromptMessage[]): readonly string[] {
  return path.findLast((message) => message.settings !== null)?.settings?.leftOut ?? [];
}

/** True when a prompt fits beyond doubt, without counting: counting takes the time of the first token. */
export function fitsSurely(
  { systemPrompt, path, tail, maxTokens }: PromptInput,
  modelId: string,
  contextSize: number,
): boolean {
  const known = path.findLastIndex((message) => message.stats !== null && message.status !== 'streaming');
  const answer = path[known];
  const usable = answer?.stats && answer.modelId === modelId && (answer.settings?.leftOut.length ?? 0) === 0;
  const since = usable ? path.slice(known + 1) : path;
  const most = tokensAtMost(usable ? (answer.stats?.contextTokens ?? 0) : 0, [
    systemPrompt,
    ...[...since.map(turnOf), ...tail.map(tailTurn)].map(({ text }) => text),
  ]);
  return most <= contextSize - reserveFor(contextSize, maxTokens);
}

/** Everything is sent, and nothing was counted. */
export function wholePrompt({ systemPrompt, path, tail, reasoning, date }: PromptInput): PlannedPrompt {
  const turns = [...path.map(turnOf), ...tail.map(tailTurn)];
  return {
    systemPrompt,
    turns,
    reasoning,
    ...(date === undefined ? {} : { date }),
    leftOut: [],
    asks: false,
    fits: true,
    fitsWhole: true,
    counted: null,
  };
}

/**
 * Decides what of a chat is sent, by the engine's own counts. The same for the preview and for the answer: what
 * the inspector shows is what is sent.
 */
export async function planPrompt(
  input: PromptInput,
  contextSize: number,
  countParts: CountParts,
): Promise<PlannedPrompt> {
  const whole = wholePrompt(input);
  const { systemPrompt, reasoning, date } = whole;
  const prompt = { systemPrompt, reasoning, ...(date === undefined ? {} : { date }) };
  const counts = await countParts({ ...prompt, turns: whole.turns });
  if (!counts) return whole;
  const wholeTokens = totalOf(counts);
  const reserve = reserveFor(contextSize, input.maxTokens);
  const parts = partsOf(input, whole.turns, counts);
  const fitsWhole = wholeTokens + NEXT_TOKEN < contextSize;
  let extra = 0;
  for (let round = 0; ; round++) {
    const plan = planContext(parts, contextSize, reserve + extra);
    const { turns, leftOut } = sentOf(parts, whole.turns, plan);
    const kept = plan.dropped.length === 0 ? counts : await countParts({ ...prompt, turns });
    if (!kept) return whole;
    const keptTokens = totalOf(kept);
    const fits = keptTokens <= contextSize - reserve;
    if (fits || !plan.fits || round === MAX_RECOUNTS) {
      const { asks } = plan;
      return { ...whole, turns, leftOut, asks, fits, fitsWhole, counted: { kept, wholeTokens, parts } };
    }
    extra += Math.max(1, keptTokens - plan.tokens);
  }
}

/** The parts of a prompt, each with its share of the template's tokens. */
function partsOf(input: PromptInput, turns: readonly ChatTurn[], counts: PartCounts): PromptPart[] {
  const before = new Set(leftOutBefore(input.path));
  const hasSystem = input.systemPrompt.trim() !== '';
  const share = counts.template / (turns.length + (hasSystem ? 1 : 0));
  const parts = turns.map(({ role }, index): PromptPart => {
    const message = input.path[index];
    return {
      id: message?.id ?? null,
      role,
      tokens: (counts.turns[index] ?? 0) + share,
      pinned: message?.pinned ?? false,
      wasLeftOut: message !== undefined && before.has(message.id),
    };
  });
  if (!hasSystem) return parts;
  const system = { id: null, role: 'system', pinned: false, wasLeftOut: false } as const;
  return [{ ...system, tokens: counts.system + share }, ...parts];
}

function sentOf(parts: readonly PromptPart[], turns: readonly ChatTurn[], plan: ContextPlan) {
  const first = parts.length - turns.length;
  const gone = new Set(plan.dropped);
  return {
    turns: turns.filter((_, index) => !gone.has(index + first)),
    leftOut: plan.dropped.flatMap((place) => parts[place]?.id ?? []),
  };
}

/** What a file of a prompt takes; `messageId` null: of the message that is being written. */
export interface FileTokens {
  readonly id: string;
  readonly name: string;
  readonly pages: number | null;
  readonly parts: PartPlace[] | null;
  readonly messageId: string | null;
  readonly tokens: number;
}

/** The files that go with a prompt, in order. */
export function sentFiles({ path, tail }: PromptInput, leftOut: readonly string[]) {
  const gone = new Set(leftOut);
  const sent = path.filter(({ id }) => !gone.has(id));
  return [
    ...sent.flatMap(({ id, files = [] }) => files.map((file) => ({ messageId: id, file }))),
    ...tail.flatMap(({ files = [] }) => files.map((file) => ({ messageId: null, file }))),
  ];
}

/** A planned prompt as clients see it. */
export function previewOf(
  planned: PlannedPrompt,
  contextSize: number | null,
  maxTokens: number | null,
  files: readonly FileTokens[] = [],
): ContextPreview {
  const { counted, leftOut, asks, fits, fitsWhole } = planned;
  const reserveTokens = contextSize === null ? 0 : reserveFor(contextSize, maxTokens);
  const base = { contextSize, reserveTokens, leftOut: [...leftOut], asks, fits, fitsWhole };
  if (!counted) return { ...base, counts: null };
  const { kept, wholeTokens } = counted;
  return {
    ...base,
    counts: { promptTokens: totalOf(kept), wholeTokens, ...rowsOf(counted.parts, leftOut, kept, files) },
  };
}

function rowsOf(
  parts: readonly PromptPart[],
  leftOut: readonly string[],
  kept: PartCounts,
  files: readonly FileTokens[],
) {
  const gone = new Set(leftOut);
  const rows = new Map<ContextPartKind, { messages: number; tokens: number }>();
  const add = (kind: ContextPartKind, tokens: number, messages: number) => {
    const row = rows.get(kind) ?? { messages: 0, tokens: 0 };
    rows.set(kind, { messages: row.messages + messages, tokens: row.tokens + tokens });
  };
  const attachments: Omit<FileTokens, 'messageId'>[] = [];
  if (kept.system > 0) add('system', kept.system, 0);
  const sent = parts.filter((part) => part.role !== 'system' && (part.id === null || !gone.has(part.id)));
  for (const [index, part] of sent.entries()) {
    const kind = part.id === null ? 'draft' : part.pinned ? 'pinned' : 'messages';
    let own = kept.turns[index] ?? 0;
    for (const { messageId: _, tokens, ...file } of files.filter(({ messageId }) => messageId === part.id)) {
      // Counted alone, a file may come out a token longer: the sum stays the engine's own.
      const share = Math.min(own, tokens);
      attachments.push({ ...file, tokens: share });
      add('attachments', share, 1);
      own -= share;
    }
    add(kind, own, 1);
  }
  if (kept.template > 0) add('template', kept.template, 0);
  return { parts: [...rows].map(([kind, row]) => ({ kind, ...row })), attachments };
}

/** A planned prompt as the messages that go to the model. */
export function sentMessagesOf({ systemPrompt, turns }: PlannedPrompt): SentMessages {
  const system = systemPrompt.trim() === '' ? [] : [{ role: 'system' as const, text: systemPrompt }];
  return [
    ...system,
    ...turns.filter(({ text }) => text.trim() !== '').map(({ role, text }) => ({ role, text })),
  ];
}
