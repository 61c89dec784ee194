import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { entries } from '../../../src-main/entries.ts';
import { openStore } from '../../../src-main/store/open-store.ts';
import { importChats } from '../../../src-renderer/lib/import-chats.ts';
import { clientOf, importerOf } from './importing.ts';

// Entry: imports one file with the code of the page and of the core, in a process of its own whose heap is small.
// Prints the report and what the process took, as JSON.

const [path = '', dataDir = ''] = process.argv.slice(2);
const store = await openStore({ workerPath: entries.storeWorker, dataDir, log: () => {} });
// Of a file on the disk, as the browser's: its bytes are read when they are asked for.
const file = new File([await openAsBlob(path)], basename(path));
const startedAt = performance.now();
const report = await importChats(
  clientOf(importerOf(store)),
  { files: [file], from: 'files' },
  { signal: new AbortController().signal, onProgress: () => {} },
);
const tookMs = Math.round(performance.now() - startedAt);
const chats = (await store.transfer.ids(undefined)).length;
await store.close();
const { maxRSS } = process.resourceUsage();
process.stdout.write(JSON.stringify({ report, chats, tookMs, peakMemoryMb: Math.round(maxRSS / 1024) }));
