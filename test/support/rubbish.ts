import { MAX_REQUEST_BYTES } from '../../src-main/contract/transport.ts';
import { malformedFrame, seededRandom, wrongCall, type MalformedFrame } from './malformed-frames.ts';
import { createTestCore, testClient } from './test-core.ts';
import type { Transport } from './transports.ts';

const REFUSAL = '{"leeward":"error","code":"malformed_frame"}';
/** The third malformed frame closes a channel. */
const A_CHANNEL = 3;

export interface RubbishReport {
  /** Frames answered with one typed error each. */
  answered: number;
  /** Frames that closed their connection before an answer: larger than a socket takes. */
  cutOff: number;
  kinds: Record<string, number>;
}

interface RubbishOptions {
  count: number;
  seed: number;
}

/**
 * Throws malformed frames at a core, three a connection, while a good client stays connected. The count is
 * rounded up to whole connections.
 * @throws when a frame gets anything but one typed error or a closed connection, or the good client suffers
 */
export async function throwMalformedFrames(
  transport: Transport,
  { count, seed }: RubbishOptions,
): Promise<RubbishReport> {
  const core = createTestCore();
  const random = seededRandom(seed);
  const report: RubbishReport = { answered: 0, cutOff: 0, kinds: {} };
  const good = await transport.open();
  core.serve(good.server);
  const client = testClient(good.client);
  for (let sent = 0; sent < count; sent += A_CHANNEL) {
    const frames = Array.from({ length: A_CHANNEL }, () => malformedFrame(random));
    const answers = await answersTo(transport, core, frames);
    const cut = transport.maxFrameBytes === undefined ? -1 : frames.findIndex(isTooLarge);
    const expected = cut === -1 ? A_CHANNEL : cut;
    const kinds = frames.map(({ kind }) => kind);
    if (answers.length !== expected || answers.some((answer) => answer !== REFUSAL)) {
      throw new Error(`${transport.name}, ${kinds.join(', ')}: ${JSON.stringify(answers).slice(0, 500)}`);
    }
    report.answered += answers.length;
    report.cutOff += A_CHANNEL - answers.length;
    for (const kind of kinds) report.kinds[kind] = (report.kinds[kind] ?? 0) + 1;
    if ((await client.test.echo({ text: 'good' })) !== 'good') throw new Error('the good client suffered');
  }
  await good.dispose();
  return report;
}

function isTooLarge({ data }: MalformedFrame): boolean {
  return data.length > MAX_REQUEST_BYTES;
}

/** Sends the frames over a new connection and gives what came back until it closed. */
async function answersTo(
  transport: Transport,
  core: ReturnType<typeof createTestCore>,
  frames: MalformedFrame[],
): Promise<unknown[]> {
  const open = await transport.open();
  const answers: unknown[] = [];
  const closed = new Promise<void>((resolve) => open.client.onClose(resolve));
  open.client.onMessage((data) => answers.push(data));
  const port = core.serve(open.server);
  for (const { data } of frames) open.sendRaw(data);
  await closed;
  await open.dispose();
  if (port.counts.received > 0) throw new Error(`${frames.map(({ kind }) => kind).join()} reached the core`);
  return answers;
}

/**
 * Throws calls with a good envelope that cannot succeed, all over one connection.
 * @returns the error codes by call
 */
export async function throwWrongCalls(
  transport: Transport,
  { count, seed }: RubbishOptions,
): Promise<{ data: MalformedFrame['data']; code: unknown }[]> {
  const core = createTestCore();
  const random = seededRandom(seed);
  const open = await transport.open();
  core.serve(open.server);
  const codes = new Map<string, unknown>();
  const all = new Promise<void>((resolve) => {
    open.client.onMessage((data) => {
      const { i, p } = JSON.parse(String(data)) as {
        i: string;
        p: { b: { json: { code?: unknown } | null } };
      };
      codes.set(i, p.b.json?.code);
      if (codes.size === count) resolve();
    });
  });
  const calls = Array.from({ length: count }, (_, n) => wrongCall(random, `w${n}`));
  for (const { data } of calls) open.sendRaw(data);
  await all;
  await open.dispose();
  return calls.map(({ data, id }) => ({ data, code: codes.get(id) }));
}
