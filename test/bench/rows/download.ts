import { fork, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppClient, Download } from '../../../src-main/contract/index.ts';
import { CONNECTIONS } from '../../../src-main/downloads/api.ts';
import { Random } from '../../support/gguf/random.ts';
import { plainScript, writeScriptedModel } from '../../support/gguf/scripted-model.ts';
import { startServe } from '../../support/serve-process.ts';
import { connectSocket } from '../../support/socket-client.ts';
import type { HubOrder, HubReady } from '../download-hub.ts';
import { arm, ratios, type BenchRow, type Figure, type Round } from '../row.ts';
import { summarise } from '../stats.ts';

const MB = 1_000_000;
const FILE_BYTES = 2_000 * MB;
/** For one slow connection: long enough to measure, short enough to repeat. */
const SMALL_BYTES = 400 * MB;
const ROUNDS = 3;
/** On a busy machine the measurement waits for a quieter moment. */
const SETTLE_MS = 20_000;
const REPO = 'bench/download';
const PATH = 'model.gguf';
/** Ticks a second of `/proc/PID/stat`, the same on every Linux that we know. */
const TICKS = 100;

const scenarios = {
  limited: { bytes: FILE_BYTES, order: { bytesPerSecond: 100 * MB } },
  perConnection: { bytes: SMALL_BYTES, order: { connectionBytesPerSecond: 10 * MB } },
  unlimited: { bytes: FILE_BYTES, order: {} },
} as const satisfies Record<string, { bytes: number; order: HubOrder }>;

/** A model of that size whose bytes no two pieces share, with its hash; written on first use. */
async function benchFile(folder: string, bytes: number): Promise<{ path: string; sha256: string }> {
  const own = join(folder, 'downloads');
  const path = join(own, `download-${bytes}.gguf`);
  if (!existsSync(`${path}.sha256`)) {
    mkdirSync(own, { recursive: true });
    await writeScriptedModel(path, { script: plainScript, name: 'Download' });
    const handle = await open(path, 'r+');
    const random = new Random(bytes);
    const block = Buffer.from(Uint32Array.from({ length: MB / 4 }, () => random.uint32()).buffer);
    for (let at = (await handle.stat()).size; at < bytes; at += block.length) {
      block.writeDoubleLE(at, 0);
      await handle.write(block, 0, Math.min(block.length, bytes - at), at);
    }
    await handle.close();
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    await writeFile(`${path}.new`, hash.digest('hex'));
    await rename(`${path}.new`, `${path}.sha256`);
  }
  return { path, sha256: await readFile(`${path}.sha256`, 'utf8') };
}

async function startBenchHub(file: { path: string; sha256: string }) {
  const child = fork(join(import.meta.dirname, '..', 'download-hub.ts'), [file.path, file.sha256, REPO]);
  const next = async (): Promise<HubReady> => ((await once(child, 'message')) as [HubReady])[0];
  const ready = await next();
  return {
    ...ready,
    async order(order: HubOrder) {
      child.send(order);
      await next();
    },
    close: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}

/** Seconds that curl takes for the file, to the last byte written. */
async function curlSeconds(url: string, target: string): Promise<number> {
  const startedAt = performance.now();
  const child = spawn('curl', ['--silent', '--fail', '--location', '--output', target, url]);
  const [code] = (await once(child, 'exit')) as [number | null];
  const seconds = (performance.now() - startedAt) / 1_000;
  await rm(target, { force: true });
  if (code !== 0) throw new Error(`curl ended with ${code}`);
  return seconds;
}

/** CPU time of a process with its threads, seconds; Linux. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

function residentMb(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/mu.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? Number.NaN) / 1024;
}

/** One download by the app, from the call to the entry in the library. */
async function ourRound(url: string, revision: string, folder: string): Promise<Round> {
  const root = mkdtempSync(join(folder, 'app-'));
  const serve = startServe(['--port', '0', '--data-dir', join(root, 'data'), '--models-dir', root]);
  try {
    const { url: page, pid } = await serve.ready;
    const { client, close } = await connectSocket(page);
    await client.settings.update({ hubEndpoint: url });
    await untilSettled(client);
    const [cpu, startedAt] = [cpuSeconds(pid), performance.now()];
    const { memoryMb, download } = await follow(client, pid, revision);
    const seconds = (performance.now() - startedAt) / 1_000;
    if (download.state !== 'done')
      throw new Error(`download ${download.state}: ${JSON.stringify(download.error)}`);
    const cores = (cpuSeconds(pid) - cpu) / seconds;
    close();
    // Buffers come and go: the highest points are compared. In the first quarter the heap grows to its size.
    const quarter = (index: number) =>
      Math.max(...memoryMb.slice((index * memoryMb.length) / 4, ((index + 1) * memoryMb.length) / 4));
    return {
      seconds,
      cores,
      peakMb: Math.max(...memoryMb),
      growthMb: quarter(3) - quarter(1),
    };
  } finally {
    serve.child.kill('SIGTERM');
    await serve.exit;
    rmSync(root, { recursive: true, force: true });
  }
}

/** What the app does at its first start is not part of a download: the engine, a measurement of the machine. */
async function untilSettled(client: AppClient): Promise<void> {
  const patience = performance.now() + SETTLE_MS;
  while (performance.now() < patience) {
    const [{ status }, { state }] = await Promise.all([client.engine.state(), client.fit.speed()]);
    if (status !== 'starting' && state === 'measured') return;
    await delay(200);
  }
}

async function follow(
  client: AppClient,
  pid: number,
  revision: string,
): Promise<{ download: Download; memoryMb: number[] }> {
  const memoryMb: number[] = [];
  const events = await client.system.events(undefined);
  const { id } = await client.downloads.start({ repo: REPO, revision, path: PATH });
  for await (const event of events) {
    if (event.type !== 'downloads.changed') continue;
    memoryMb.push(residentMb(pid));
    const download = event.downloads.find((candidate) => candidate.id === id);
    const isOver = download?.state === 'done' || download?.state === 'failed' || download?.state === 'paused';
    if (download && isOver) return { download, memoryMb };
  }
  throw new Error('the events ended');
}

async function measureScenario(name: keyof typeof scenarios, folder: string): Promise<Round> {
  const { bytes, order } = scenarios[name];
  const hub = await startBenchHub(await benchFile(folder, bytes));
  try {
    await hub.order(order);
    const file = `${hub.url}/${REPO}/resolve/${hub.revision}/${PATH}`;
    const curl = await curlSeconds(file, join(folder, 'curl.out'));
    const ours = await ourRound(hub.url, hub.revision, folder);
    const named = Object.entries(ours).map(([figure, value]) => [`${name}.${figure}`, value] as const);
    return { [`${name}.curl`]: curl, ...Object.fromEntries(named) };
  } finally {
    await hub.close();
  }
}

/** What a download costs against curl from the same server, verified and in the library. */
export const row: BenchRow = {
  title: 'Download of 2 GB until it is verified in the library, against curl',
  async measure({ folder, rounds }) {
    mkdirSync(folder, { recursive: true });
    const conditions = {
      fileMb: FILE_BYTES / MB,
      smallMb: SMALL_BYTES / MB,
      connections: CONNECTIONS,
      limit: '100 MB/s in all; 10 MB/s a connection; none',
      node: process.versions.node,
    };
    const measured = await rounds(ROUNDS, conditions, async () => ({
      ...(await measureScenario('limited', folder)),
      ...(await measureScenario('perConnection', folder)),
      ...(await measureScenario('unlimited', folder)),
    }));
    const figure = (name: string, unit: string, values: number[], target?: Figure['target']): Figure => ({
      ...{ name, unit, ...summarise(values) },
      ...(target ? { target } : {}),
    });
    const rate = (name: string, bytes: number) => arm(measured, name).map((seconds) => bytes / MB / seconds);
    return {
      conditions,
      figures: [
        figure('100 MB/s: curl / ours', 'ratio', ratios(measured, 'limited.curl', 'limited.seconds'), {
          atLeast: 0.95,
        }),
        figure('100 MB/s: cores of the app', 'cores', arm(measured, 'limited.cores'), { atMost: 1 }),
        figure(
          '100 MB/s: memory gained from the second quarter to the last',
          'MB',
          arm(measured, 'limited.growthMb'),
          {
            atMost: 32,
          },
        ),
        figure('100 MB/s: memory at its peak', 'MB', arm(measured, 'limited.peakMb')),
        figure(
          `10 MB/s a connection: ${CONNECTIONS} connections / one`,
          'ratio',
          ratios(measured, 'perConnection.curl', 'perConnection.seconds'),
          { atLeast: 3.5 },
        ),
        figure('unlimited: ours', 'MB/s', rate('unlimited.seconds', FILE_BYTES)),
        figure('unlimited: curl', 'MB/s', rate('unlimited.curl', FILE_BYTES)),
      ],
    };
  },
};
