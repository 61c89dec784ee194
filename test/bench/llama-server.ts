import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { propertyOf } from './guards.ts';
import type { LlamaCpp } from './llama-cpp.ts';

const START_MS = 60_000;

export interface ServerMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ServerAnswer {
  text: string;
  /** From the request to the first and the last piece of text. */
  firstMs: number;
  wholeMs: number;
  promptTokens: number;
}

/** llama-server with one model, as it is by default: four slots, prompts cached in memory. */
export class LlamaServer {
  readonly #tools: LlamaCpp;
  readonly #args: string[];
  #child: ChildProcess | null = null;
  #url = '';

  constructor(tools: LlamaCpp, model: { path: string; threads: number; contextSize: number }) {
    this.#tools = tools;
    this.#args = [
      ...['-m', model.path, '-t', String(model.threads), '-c', String(model.contextSize)],
      ...['-ngl', '0', '-b', '512', '-ub', '512', '-fa', 'auto', '--offline', '--host', '127.0.0.1'],
    ];
  }

  /** @throws Error when it is not ready after a minute */
  async start(): Promise<void> {
    const port = await freePort();
    this.#url = `http://127.0.0.1:${port}`;
    this.#child = spawn(this.#tools.server, [...this.#args, '--port', String(port)], { stdio: 'ignore' });
    for (const end = performance.now() + START_MS; performance.now() < end; await delay(50)) {
      if (this.#child.exitCode !== null) break;
      const answer = await fetch(`${this.#url}/health`).catch(() => null);
      await answer?.body?.cancel();
      if (answer?.ok) return;
    }
    throw new Error('llama-server did not start');
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (!child || child.exitCode !== null) return;
    child.kill();
    await once(child, 'exit');
  }

  /** Answers greedily with at most `maxTokens`. */
  async answer(messages: readonly ServerMessage[], maxTokens: number): Promise<ServerAnswer> {
    const startedAt = performance.now();
    const response = await fetch(`${this.#url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        ...{ messages, max_tokens: maxTokens, temperature: 0, ignore_eos: true },
        ...{ stream: true, stream_options: { include_usage: true } },
      }),
    });
    if (!response.ok || !response.body) throw new Error(`llama-server answered ${response.status}`);
    let [text, firstMs, wholeMs, promptTokens, rest] = ['', 0, 0, 0, ''];
    const decoder = new TextDecoder();
    for await (const bytes of response.body) {
      const now = performance.now() - startedAt;
      const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data: {')) continue;
        const event: unknown = JSON.parse(line.slice('data: '.length));
        const [choice] = listOf(propertyOf(event, 'choices'));
        const piece = propertyOf(propertyOf(choice, 'delta'), 'content');
        const tokens = propertyOf(propertyOf(event, 'usage'), 'prompt_tokens');
        if (typeof tokens === 'number') promptTokens = tokens;
        if (typeof piece !== 'string' || piece === '') continue;
        if (text === '') firstMs = now;
        wholeMs = now;
        text += piece;
      }
    }
    return { text, firstMs, wholeMs, promptTokens };
  }
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
