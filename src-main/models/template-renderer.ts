import { Worker } from 'node:worker_threads';

/** Templates of real models write a long chat in some milliseconds; starting the thread takes most of the time. */
const MAX_RENDER_MS = 5_000;
/** A hundred times what a chat of a megabyte needs. */
const MAX_HEAP_MB = 128;

export interface TemplateInput {
  /** Jinja. */
  template: string;
  messages: readonly { role: 'system' | 'user' | 'assistant'; content: string }[];
  /** As the tokenizer writes them; '' when it has none. */
  bosToken: string;
  eosToken: string;
}

/** `rendered` is null when the template fails on the chat. */
export interface TemplateOutput {
  rendered: string | null;
}

/** Lets a template write messages; null when it fails, or takes too long. */
export type RenderTemplate = (input: TemplateInput) => Promise<string | null>;

/**
 * Renders in a thread of its own, which ends with every template: it may be anyone's.
 * @param workerPath entry of the worker, `entries.templateWorker`
 * @param maxRenderMs shorter in tests
 */
export function createTemplateRenderer(
  workerPath: string,
  { maxRenderMs = MAX_RENDER_MS } = {},
): RenderTemplate {
  return async (input) => {
    const worker = new Worker(workerPath, {
      workerData: input,
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB, maxYoungGenerationSizeMb: 32 },
    });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<string | null>((resolve) => {
        timer = setTimeout(() => resolve(null), maxRenderMs);
        worker.once('message', ({ rendered }: TemplateOutput) => resolve(rendered));
        // Out of memory, or a fault of ours.
        worker.once('error', () => resolve(null));
        worker.once('exit', () => resolve(null));
      });
    } finally {
      clearTimeout(timer);
      await worker.terminate();
    }
  };
}
