import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ProbeRequest {
  user: string;
  temperature: number;
  system?: string;
  /** Pairs of user text and answer that come before. */
  earlierTurns?: [user: string, model: string][];
  /** A partial answer to go on from. */
  continueFrom?: string;
  maxTokens?: number;
  /** Aborts the generation once this many tokens have come. */
  stopAfterTokens?: number;
  seed?: number;
}

export interface ProbeSpec {
  modelPath: string;
  contextSize?: number;
  requests: ProbeRequest[];
}

export interface ProbeAnswer {
  /** Name of the chat wrapper that the library chose for the file. */
  wrapper: string;
  response: string;
  /** The answer's chunks joined, as they came; thinking apart. */
  streamed: string;
  thought: string;
  stopReason: string;
  tokens: number;
}

type Reply = { answers: ProbeAnswer[] } | { error: string };

/**
 * Runs the real node-llama-cpp on a model file in a child process, with the library's own wrapper choice, sampler
 * and stop rule.
 * @throws Error with the library's message, or if the child ends without an answer
 */
export function probeModel(spec: ProbeSpec): Promise<ProbeAnswer[]> {
  const child = fork(fileURLToPath(new URL('./probe-child.ts', import.meta.url)), {
    execArgv: [],
    env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: '1', NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (data: Buffer) => (errors += data.toString()));
  return new Promise((resolve, reject) => {
    child.once('message', (reply: Reply) => {
      if ('answers' in reply) resolve(reply.answers);
      else reject(new Error(reply.error));
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the probe ended (${code ?? signal}): ${errors}`)));
    child.send(spec);
  });
}
