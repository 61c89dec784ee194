import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import fc from 'fast-check';
import { appError, errorCodeOf } from '../../src-main/contract/index.ts';
import { createAnnouncer } from '../../src-main/downloads/announcer.ts';
import { Entry } from '../../src-main/downloads/entry.ts';
import { openJournal, type DownloadRecord } from '../../src-main/downloads/journal.ts';
import { layoutOf, PiecePlan } from '../../src-main/downloads/pieces.ts';
import { nextToRun } from '../../src-main/downloads/queue.ts';
import { recordOfFile } from '../../src-main/downloads/records.ts';
import { RateLimited, Retries, retryAfterMs } from '../../src-main/downloads/retries.ts';
import { searchBatches } from '../../src-main/downloads/search.ts';
import { SpeedMeter } from '../../src-main/downloads/speed-meter.ts';
import { safeName, targetsOf } from '../../src-main/downloads/target-names.ts';

const MIB = 1024 * 1024;
const hash = (letter: string) => letter.repeat(64);
const REVISION = '0123456789abcdef0123456789abcdef01234567';

describe('pieces', () => {
  test('cover every byte of every part once, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(300), { maxLength: 5 }),
        fc.integer({ min: 1, max: 64 }),
        (sizes, pieceBytes) => {
          const layout = layoutOf(sizes, pieceBytes);
          for (const [part, size] of sizes.entries()) {
            const own = layout.filter((piece) => piece.part === part);
            let offset = 0;
            for (const piece of own) {
              expect(piece.offset).toBe(offset);
              expect(piece.length).toBeGreaterThan(0);
              offset += piece.length;
            }
            expect(offset).toBe(size);
          }
          expect(layout.map(({ part }) => part)).toEqual(
            layout.map(({ part }) => part).toSorted((a, b) => a - b),
          );
        },
      ),
    );
  });

  test('several connections fetch each missing piece once, whatever was here', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 6 }),
        fc.infiniteStream(fc.boolean()),
        (parts, connections, coin) => {
          const layout = layoutOf(parts, 1);
          const here = [...layout.keys()].filter(() => coin.next().value === true);
          const plan = new PiecePlan(layout, here);
          const fetched: number[] = [];
          for (let run = plan.take(connections); run; run = plan.take(connections)) {
            expect(new Set(layout.slice(run.first, run.end).map(({ part }) => part)).size).toBe(1);
            for (let number = run.first; number < run.end; number += 1) fetched.push(number);
            if (coin.next().value === true) plan.markHere(run.first);
          }
          expect(fetched.toSorted((a, b) => a - b)).toEqual(
            [...layout.keys()].filter((number) => !here.includes(number)),
          );
        },
      ),
    );
  });

  test('runs get shorter towards the end, so that all connections end together', () => {
    const plan = new PiecePlan(layoutOf([120], 1));
    const lengths: number[] = [];
    for (let run = plan.take(4); run; run = plan.take(4)) lengths.push(run.end - run.first);
    expect(lengths[0]).toBe(15);
    expect(lengths.slice(-4)).toEqual([1, 1, 1, 1]);
    expect(lengths.length).toBeLessThan(40);
  });

  test('what is given back or damaged is taken again', () => {
    const plan = new PiecePlan(layoutOf([4], 1));
    const run = plan.take(1);
    if (!run) throw new Error('nothing to take');
    plan.markHere(0);
    plan.release(run);
    expect(plan.take(1)?.first).toBe(1);
    plan.markMissing(0);
    expect(plan.isComplete).toBe(false);
    expect(plan.take(1)).toEqual({ first: 0, end: 1 });
  });
});

describe('speed', () => {
  test('is that of the last seconds, and unknown at first', () => {
    const meter = new SpeedMeter();
    expect(meter.bytesPerSecond(0)).toBeNull();
    meter.add(MIB, 0);
    expect(meter.bytesPerSecond(500)).toBeNull();
    for (let at = 100; at <= 20_000; at += 100) meter.add(MIB, at);
    expect((meter.bytesPerSecond(20_000) ?? 0) / MIB).toBeCloseTo(10, 0);
    expect(meter.etaMs(100 * MIB, 20_000)).toBeCloseTo(10_000, -3);
    // Nothing comes any more.
    expect(meter.bytesPerSecond(40_000)).toBe(0);
    expect(meter.etaMs(1, 40_000)).toBeNull();
    meter.reset();
    expect(meter.bytesPerSecond(50_000)).toBeNull();
  });
});

describe('names', () => {
  test.each([
    ['model.gguf', 'model.gguf'],
    ['a:b*c?.gguf', 'a_b_c_.gguf'],
    ['nul.gguf', '_nul.gguf'],
    ['COM1', '_COM1'],
    ['..', '_'],
    [' .hidden', 'hidden'],
    ['trailing. ', 'trailing'],
    ['\u202egnp.gguf', '_gnp.gguf'],
    ['cafe\u0301.gguf', 'caf\u00e9.gguf'],
    ['x-00001-of-00002.gguf', 'x-00001-of-00002.gguf'],
  ])('%j becomes %j', (name, safe) => expect(safeName(name)).toBe(safe));

  test('whatever it is made of, a name stays one step, short, and keeps its ending', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), (stem) => {
        const name = safeName(`${stem}-00001-of-00003.gguf`);
        expect(Buffer.byteLength(`${name}.part`)).toBeLessThan(256);
        expect(name.endsWith('-00001-of-00003.gguf')).toBe(true);
        expect(name).not.toMatch(/[\p{Cc}<>:"/\\|?*]/u);
        expect(safeName(stem)).not.toMatch(/^\.|[. ]$|^$/u);
      }),
    );
  });

  test('names that are taken lead to a folder of the model, all parts together', () => {
    const model = {
      repo: 'owner/name',
      revision: REVISION,
      paths: ['q/a-00001-of-00002.gguf', 'q/a-00002-of-00002.gguf'],
    };
    const [first = '', second = ''] = targetsOf(model, '/models', () => false);
    expect([first, second].map((path) => path.replaceAll('\\', '/'))).toEqual([
      '/models/owner/a-00001-of-00002.gguf',
      '/models/owner/a-00002-of-00002.gguf',
    ]);
    const moved = targetsOf(model, '/models', (path) => path === second);
    expect(moved.map((path) => path.replaceAll('\\', '/'))).toEqual([
      '/models/owner/name 01234567/a-00001-of-00002.gguf',
      '/models/owner/name 01234567/a-00002-of-00002.gguf',
    ]);
  });

  test('never fall on a taken one, however many are', () => {
    const model = { repo: 'owner/name', revision: REVISION, paths: ['a.gguf'] };
    const taken = new Set<string>();
    for (let time = 0; time < 60; time += 1) {
      const [target = ''] = targetsOf(model, '/models', (path) => taken.has(path));
      expect(taken.has(target)).toBe(false);
      taken.add(target);
    }
    expect(taken.size).toBe(60);
  });
});

describe('the queue', () => {
  const entry = (
    state: DownloadRecord['state'],
    startedAt: number,
    kind: 'download' | 'verify' = 'download',
  ) => ({
    record: { kind, state, startedAt },
    isBusy: state === 'running' || state === 'checking' || state === 'repairing',
  });

  test('begins the oldest that waits when nothing runs; a second look has a place of its own', () => {
    const waiting = [
      entry('waiting', 3),
      entry('waiting', 2),
      entry('paused', 1),
      entry('waiting', 4, 'verify'),
    ];
    expect(nextToRun(waiting, 1)).toEqual([waiting[1], waiting[3]]);
    expect(nextToRun([...waiting, entry('checking', 0)], 1)).toEqual([waiting[3]]);
    expect(nextToRun(waiting, 2)).toEqual([waiting[1], waiting[0], waiting[3]]);
  });
});

describe('retries', () => {
  const signal = new AbortController().signal;

  test.each([
    ['3', 3_000],
    ['Mon, 23 Nov 2026 12:00:10 GMT', 10_000],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 0],
    [undefined, 5_000],
    ['soon', 5_000],
  ])('Retry-After %j is %d ms', (header, ms) => {
    expect(retryAfterMs(header, Date.parse('2026-11-23T12:00:00Z'))).toBe(ms);
  });

  test('end after failures in a row, and never while bytes come', async () => {
    const retries = new Retries(1, [0]);
    const failed = appError('network_failed');
    for (let round = 0; round < 3; round += 1) {
      for (let time = 1; time < 5; time += 1) await retries.after(failed, time, signal);
      retries.progress(MIB);
    }
    for (let time = 1; time < 5; time += 1) await retries.after(failed, time, signal);
    await expect(retries.after(failed, 5, signal)).rejects.toBe(failed);
  });

  test('end when next to nothing comes between them', async () => {
    const retries = new Retries(1, [0]);
    const failed = appError('network_failed');
    for (let time = 1; time < 5; time += 1) {
      retries.progress(1);
      await retries.after(failed, time, signal);
    }
    retries.progress(1);
    await expect(retries.after(failed, 5, signal)).rejects.toBe(failed);
  });

  test('one connection’s wait is everyone’s; an absurd one is refused', async () => {
    const retries = new Retries(4, [0]);
    const startedAt = Date.now();
    const asked = retries.after(new RateLimited(60), 1, signal);
    await retries.ready(signal);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(59);
    await asked;
    const refused = await retries.after(new RateLimited(86_400_000), 1, signal).catch(errorCodeOf);
    expect(refused).toBe('hub_rate_limited');
  });
});

describe('the search', () => {
  test('looks first at pieces that had trouble, alone, of the wrong part only', () => {
    const layout = layoutOf([3, 2], 1);
    const received = (number: number) => ({ sha256: hash('a'), isSuspect: number === 2 || number === 4 });
    expect(searchBatches(layout, 0, received, 4)).toEqual([[2], [0, 1]]);
    expect(searchBatches(layout, 0, received, 1)).toEqual([[2], [0], [1]]);
    expect(searchBatches(layout, 1, received, 4)).toEqual([[4], [3]]);
  });
});

describe('announcements', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('come at once, then four times a second at most, and always after the last change', () => {
    const call = vi.fn();
    const announcer = createAnnouncer(call);
    for (let time = 0; time < 1_000; time += 10) {
      announcer.soon();
      vi.advanceTimersByTime(10);
    }
    expect(call.mock.calls.length).toBeLessThanOrEqual(5);
    const before = call.mock.calls.length;
    announcer.soon();
    vi.advanceTimersByTime(1_000);
    expect(call.mock.calls.length).toBe(before + 1);
    announcer.stop();
  });
});

describe('the journal', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'leeward-journal-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const record = (): DownloadRecord =>
    recordOfFile(
      { repo: 'owner/name', revision: REVISION },
      { licence: 'mit', baseModels: [] },
      {
        path: 'a.gguf',
        fileName: 'a.gguf',
        kind: 'model',
        quant: null,
        sizeBytes: 40 * MIB,
        parts: [{ path: 'a.gguf', sizeBytes: 40 * MIB, sha256: hash('f') }],
        modelId: null,
      },
    );
  const piece = (letter: string, isSuspect = false) => ({ sha256: hash(letter), isSuspect });

  test('gives back what was written, the newest of each piece', async () => {
    const journal = openJournal(folder);
    const written = record();
    await journal.write(written);
    journal.notePiece(written.id, 0, piece('a'), 100);
    journal.notePiece(written.id, 1, piece('b'), 200);
    journal.notePiece(written.id, 0, piece('c', true), 300);
    journal.notePiece(written.id, 1, null, 300);
    await journal.close();
    const [read] = openJournal(folder).readAll();
    expect(read?.record).toEqual({ ...written, fetchedBytes: 300 });
    expect([...(read?.pieces ?? [])]).toEqual([[0, piece('c', true)]]);
    await journal.remove(written.id);
    expect(readdirSync(join(folder, 'downloads'))).toEqual([]);
  });

  test('a line that was cut off costs that piece and no other', async () => {
    const journal = openJournal(folder);
    const written = record();
    await journal.write(written);
    journal.notePiece(written.id, 0, piece('a'), 1);
    await journal.close();
    appendFileSync(join(folder, 'downloads', `${written.id}.pieces`), `1 ${hash('b').slice(0, 20)}`);
    const again = openJournal(folder);
    again.notePiece(written.id, 2, piece('d'), 2);
    await again.close();
    expect([...(openJournal(folder).readAll()[0]?.pieces.keys() ?? [])]).toEqual([0, 2]);
  });

  test('what cannot be read is left alone', async () => {
    const journal = openJournal(folder);
    await journal.write(record());
    const path = join(folder, 'downloads', 'damaged.json');
    writeFileSync(path, '{"version":1');
    expect(journal.readAll()).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe('{"version":1');
  });
});

describe('how a run ends', () => {
  const entry = () =>
    new Entry({
      pieces: new Map(),
      record: recordOfFile(
        { repo: 'owner/name', revision: REVISION },
        { licence: null, baseModels: [] },
        {
          path: 'a.gguf',
          fileName: 'a.gguf',
          kind: 'model',
          quant: null,
          sizeBytes: 1,
          parts: [{ path: 'a.gguf', sizeBytes: 1, sha256: hash('f') }],
          modelId: null,
        },
      ),
    });

  test.each([
    [appError('disk_full'), 'paused', 'disk_full'],
    [appError('offline'), 'paused', 'offline'],
    [appError('network_failed'), 'paused', 'network'],
    [appError('hub_rate_limited'), 'paused', 'network'],
    [appError('aborted'), 'paused', 'restart'],
    [appError('file_changed'), 'failed', null],
    [appError('hub_gated'), 'failed', null],
    [new Error('a fault of ours'), 'failed', null],
  ])('%s', (error, state, pauseReason) => {
    const ended = entry();
    ended.settle(error);
    expect(ended.record).toMatchObject({ state, pauseReason });
    expect(ended.record.error === null).toBe(state !== 'failed');
  });

  test('a file without a published hash cannot be proven and is refused', () => {
    const file = {
      path: 'a.gguf',
      fileName: 'a.gguf',
      kind: 'model' as const,
      quant: null,
      sizeBytes: 1,
      parts: [{ path: 'a.gguf', sizeBytes: 1, sha256: null }],
      modelId: null,
    };
    const make = () =>
      recordOfFile({ repo: 'a/b', revision: REVISION }, { licence: null, baseModels: [] }, file);
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_input' }));
  });
});
