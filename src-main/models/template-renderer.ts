import { MAX_PREVIEW_LENGTH } from '../contract/index.ts';
import { textOfChild } from '../engine/child-text.ts';

/** Templates of real models write a long chat in some milliseconds; starting the process takes most of the time. */
const MAX_RENDER_MS = 5_000;
/** A hundred times what a chat of a megabyte needs. */
const MAX_HEAP_MB = 128;
/** UTF-8 of the largest script. */
const BYTES_PER_UNIT = 3;

export interface TemplateInput {
  /** Jinja. */
  template: string;
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[];
  /** As the tokenizer writes them; '' when it has none. */
  bosToken: string;
  eosToken: string;
}

/** What the process is given. */
export interface TemplateTask extends TemplateInput {
  /** Of what is written, UTF-16 units; the rest is cut off. */
  maxLength: number;
  /** The process ends itself after this, should nobody be left to end it. */
  maxRenderMs: number;
}

/** Lets a template write messages, down to MAX_PREVIEW_LENGTH; null when it fails, or takes too long. */
export type RenderTemplate = (input: TemplateInput) => Promise<string | null>;

/**
 * Renders in a process of its own, which ends with every template: it may be anyone's.
 * @param workerPath what the process runs, `entries.templateWorker`
 * @param nodeBinary plain Node
 * @param maxRenderMs shorter in tests
 */
export function createTemplateRenderer(
  workerPath: string,
  { nodeBinary, maxRenderMs = MAX_RENDER_MS }: { nodeBinary: string; maxRenderMs?: number },
): RenderTemplate {
  return (input) =>
    textOfChild({
      path: workerPath,
      nodeBinary,
      input: { ...input, maxLength: MAX_PREVIEW_LENGTH, maxRenderMs } satisfies TemplateTask,
      maxMs: maxRenderMs,
      maxHeapMb: MAX_HEAP_MB,
      maxBytes: MAX_PREVIEW_LENGTH * BYTES_PER_UNIT,
    });
}
