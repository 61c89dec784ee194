import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { sidecarEnvironment } from './environment.ts';

export interface ChildText {
  /** A file that reads its input as JSON from its standard input and writes its answer to its standard output. */
  path: string;
  /** The plain Node that runs it. */
  nodeBinary: string;
  input: unknown;
  /** After it the process is killed. */
  maxMs: number;
  maxHeapMb: number;
  /** Of the answer; a process that writes more is killed. */
  maxBytes: number;
}

/**
 * What a script writes in a process of its own: V8 ends a process whole when one allocation fails, a thread's limits
 * or not.
 * @returns null when it fails, takes too long or writes too much
 */
export async function textOfChild(asked: ChildText): Promise<string | null> {
  const { path, nodeBinary, maxMs, maxHeapMb, maxBytes } = asked;
  const child = spawn(nodeBinary, [`--max-old-space-size=${maxHeapMb}`, path], {
    env: sidecarEnvironment(process.env),
    cwd: dirname(path),
    windowsHide: true,
    // What V8 prints at its end is of no use, and may hold what was read.
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const kill = () => child.kill('SIGKILL');
  const timer = setTimeout(kill, maxMs);
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else kill();
  });
  // A process that ends early reads no further; its end says all.
  child.stdin.on('error', () => {});
  child.stdin.end(JSON.stringify(asked.input));
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', resolve);
    // No such binary.
    child.once('error', () => resolve(null));
  });
  clearTimeout(timer);
  return code === 0 ? Buffer.concat(chunks).toString('utf8') : null;
}
