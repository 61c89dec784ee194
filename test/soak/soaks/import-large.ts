import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { ImportReport } from '../../../src-main/contract/index.ts';
import { Random } from '../../support/gguf/random.ts';
import type { SoakContext, SoakResult } from '../soak.ts';

export const name = 'import-large';
/** Megabytes of the file. */
export const defaultCount = 300;

/** Of each thread of the process that imports it: a third of the file, and a hundred times its longest chat. */
const MAX_HEAP_MB = 96;
const MESSAGES_A_CHAT = 40;
const LONGEST_MESSAGE = 8_000;
const WORDS = ['tide', 'harbour', 'sail', 'wind', 'lee', 'knot', 'buoy', 'chart', 'Strömung', '潮', 'anchor'];

const Outcome = v.object({
  report: ImportReport,
  chats: v.number(),
  tookMs: v.number(),
  peakMemoryMb: v.number(),
});

/** Imports a file of `count` megabytes, larger than the heap that reads it: every chat of it comes in. */
export async function run({ count, seed, log }: SoakContext): Promise<SoakResult> {
  const folder = await mkdtemp(join(tmpdir(), 'leeward-import-large-'));
  const path = join(folder, 'conversations.json');
  try {
    const written = { bytes: 0, chats: 0, messages: 0 };
    await pipeline(Readable.from(chatsOf(count * 1_000_000, seed, written)), createWriteStream(path));
    log(`a file of ${Math.round(written.bytes / 1e6)} MB with ${written.chats} chats is written`);
    const { stdout } = await promisify(execFile)(process.execPath, [
      `--max-old-space-size=${MAX_HEAP_MB}`,
      fileURLToPath(new URL('../../support/imports/large-child.ts', import.meta.url)),
      ...[path, join(folder, 'data')],
    ]);
    const outcome = v.parse(Outcome, JSON.parse(stdout));
    const { report, chats } = outcome;
    const isWhole =
      chats === written.chats && report.chats === written.chats && report.messages === written.messages;
    return {
      done: count,
      failures: isWhole ? [] : [`${JSON.stringify(written)} became ${JSON.stringify(report)}`],
      figures: { ...written, ...outcome, heapLimitMb: MAX_HEAP_MB },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A data export in the form of ChatGPT, chat by chat; counts what it gives. */
function* chatsOf(
  minBytes: number,
  seed: number,
  written: { bytes: number; chats: number; messages: number },
): Generator<string> {
  const random = new Random(seed);
  yield '[';
  while (written.bytes < minBytes) {
    const chat = chatOf(written.chats, random);
    const text = `${written.chats === 0 ? '' : ','}${JSON.stringify(chat)}`;
    written.bytes += Buffer.byteLength(text);
    written.chats += 1;
    written.messages += MESSAGES_A_CHAT;
    yield text;
  }
  yield ']';
}

function chatOf(index: number, random: Random): object {
  const mapping: Record<string, object> = {};
  for (let at = 0; at < MESSAGES_A_CHAT; at += 1) {
    const length = 100 + (random.uint32() % LONGEST_MESSAGE);
    let text = '';
    while (text.length < length) text += `${WORDS[random.uint32() % WORDS.length] ?? ''} `;
    mapping[`m${at}`] = {
      id: `m${at}`,
      parent: at === 0 ? null : `m${at - 1}`,
      children: [],
      message: {
        author: { role: at % 2 === 0 ? 'user' : 'assistant' },
        create_time: 1_700_000_000 + index,
        content: { content_type: 'text', parts: [text] },
        recipient: 'all',
        metadata: {},
      },
    };
  }
  return {
    title: `Chat ${index}`,
    create_time: 1_700_000_000 + index,
    conversation_id: `chat-${index}`,
    current_node: `m${MESSAGES_A_CHAT - 1}`,
    mapping,
  };
}
