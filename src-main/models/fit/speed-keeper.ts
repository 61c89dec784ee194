import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as v from 'valibot';
import { errorCodeOf, type AppClient } from '../../contract/index.ts';
import type { Engine } from '../../engine/api.ts';
import type { Platform } from '../../platform.ts';
import { idleShare } from './idle.ts';
import { MachineSpeed } from './speed-types.ts';

const FILE_NAME = 'machine-speed.json';
/** After the start, the first paint and a model's load; short runs of the app measure nothing. */
const QUIET_MS = 15_000;
/** Below this share of idle processor other programs would slow what is measured. */
const LEAST_IDLE = 0.85;
/** So often a busy computer is waited for; a figure that is too low is better than none, and answers correct it. */
const MAX_WAITS = 12;
/** Most fail because other programs took the processor in the middle; after these the next run of the app tries. */
const MAX_FAILURES = 5;

export type SpeedState = Awaited<ReturnType<AppClient['fit']['speed']>>;

export interface SpeedKeeperOptions {
  engine: Pick<Engine, 'state' | 'onState'>;
  dataDir: string;
  /** What the figures belong to; null before the engine has started. */
  key(): Promise<string | null>;
  /** Null when the time ended before anything was known. */
  measure(signal: AbortSignal): Promise<Pick<MachineSpeed, 'cpu' | 'card'> | null>;
  onChange(): void;
  log: Platform['log'];
  /** Shorter in tests. */
  quietMs?: number;
  idleShare?: (signal: AbortSignal) => Promise<number>;
}

/** Knows this computer's speed: from the file, or measured when nothing else is going on. */
export interface SpeedKeeper {
  /** The figures of this very computer and engine; null while not known. */
  current(): Promise<MachineSpeed | null>;
  state(): Promise<SpeedState>;
  /** Stops a measurement that is going on. */
  close(): Promise<void>;
}

export function createSpeedKeeper(options: SpeedKeeperOptions): SpeedKeeper {
  const { engine, dataDir, key, measure, onChange, log } = options;
  const file = join(dataDir, FILE_NAME);
  const closing = new AbortController();
  let stored: Promise<MachineSpeed | null> = readSpeed(file);
  let isMeasuring = false;
  let failures = 0;
  let waits = 0;
  /** Aborted when the engine has something to do. */
  let attempt: AbortController | null = null;
  let running: Promise<void> = Promise.resolve();

  const current = async (): Promise<MachineSpeed | null> => {
    const [speed, wanted] = [await stored, await key()];
    return speed !== null && speed.key === wanted ? speed : null;
  };

  const isQuiet = () => engine.state.status === 'idle' || engine.state.status === 'ready';

  const tryNow = async (signal: AbortSignal): Promise<void> => {
    await delay(options.quietMs ?? QUIET_MS, undefined, { signal, ref: false });
    const wanted = await key();
    if (wanted === null || (await current())) return;
    if (waits < MAX_WAITS && (await (options.idleShare ?? idleShare)(signal)) < LEAST_IDLE) {
      waits += 1;
      return tryNow(signal);
    }
    isMeasuring = true;
    onChange();
    try {
      const figures = await measure(signal);
      signal.throwIfAborted();
      if (!figures) throw new Error('the time ended');
      const speed: MachineSpeed = { version: 2, key: wanted, measuredAt: Date.now(), ...figures };
      await writeSpeed(file, speed);
      stored = Promise.resolve(speed);
      log('fit.measured', { backend: engine.state.backend, types: Object.keys(figures.cpu.rates).length });
    } finally {
      isMeasuring = false;
      if (!closing.signal.aborted) onChange();
    }
  };

  const start = () => {
    if (attempt || closing.signal.aborted || failures >= MAX_FAILURES || !isQuiet()) return;
    const mine = (attempt = new AbortController());
    running = tryNow(AbortSignal.any([mine.signal, closing.signal]))
      .catch((error: unknown) => {
        if (mine.signal.aborted || closing.signal.aborted) return;
        failures += 1;
        log('fit.not_measured', { code: errorCodeOf(error) });
        return 'again';
      })
      .then((outcome) => {
        if (attempt === mine) attempt = null;
        // What stopped it may be over already.
        if (mine.signal.aborted || outcome === 'again') start();
      });
  };

  const stopListening = engine.onState(() => {
    if (isQuiet()) start();
    else attempt?.abort();
  });
  start();

  return {
    current,
    async state() {
      const speed = await current();
      const state = isMeasuring ? 'measuring' : speed ? 'measured' : 'not_measured';
      return { state, memoryBytesPerSecond: speed && headline(speed), measuredAt: speed?.measuredAt ?? null };
    },
    async close() {
      stopListening();
      closing.abort();
      await running;
    },
  };
}

/** The rate that most models run at: that of the usual quant, in the faster place. */
function headline({ cpu, card }: MachineSpeed): number | null {
  const { rates } = card ?? cpu;
  const rate = rates['Q4_K'] ?? Object.values(rates)[0];
  return rate?.decodeBytesPerSecond ?? null;
}

async function readSpeed(file: string): Promise<MachineSpeed | null> {
  try {
    const parsed = v.safeParse(MachineSpeed, JSON.parse(await readFile(file, 'utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

async function writeSpeed(file: string, speed: MachineSpeed): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(speed), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
