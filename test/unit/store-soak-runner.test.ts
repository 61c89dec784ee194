import { readdirSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { loadSoak, parseSoakArguments, runSoak, soakNames } from '../soak/runner.ts';
import { partSeed, type Soak } from '../soak/soak.ts';
import { temporaryFolder } from '../support/store/fixtures.ts';

let folder: ReturnType<typeof temporaryFolder>;

beforeEach(() => {
  folder = temporaryFolder();
  return () => folder.dispose();
});

/** Draws one number a part, at most `atOnce` parts a run. */
function drawing(atOnce: number): Soak {
  return {
    name: 'drawing',
    defaultCount: 6,
    run({ count, seed, saved, save }) {
      const drawn: number[] = Array.isArray(saved) ? saved : [];
      const end = Math.min(count, drawn.length + atOnce);
      while (drawn.length < end) drawn.push(partSeed(seed, drawn.length));
      save(drawn);
      return Promise.resolve({ done: drawn.length, failures: [], figures: { drawn } });
    },
  };
}

const quiet = () => {};

describe('the soak runner', () => {
  test('a run that was cut off goes on and draws what a whole run draws', async () => {
    const options = { seed: 5, log: quiet, stateFolder: folder.path };
    const whole = await runSoak(drawing(6), options);
    expect(whole).toMatchObject({ soak: 'drawing', seed: 5, count: 6, finished: true, passed: true });
    const first = await runSoak(drawing(4), options);
    expect(first).toMatchObject({ done: 4, finished: false, passed: false });
    const second = await runSoak(drawing(4), options);
    expect(second).toMatchObject({ done: 6, finished: true, passed: true, figures: whole.figures });
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('another seed or count starts anew; failures are not a pass', async () => {
    await runSoak(drawing(4), { seed: 5, log: quiet, stateFolder: folder.path });
    const other = await runSoak(drawing(4), { seed: 6, log: quiet, stateFolder: folder.path });
    expect(other.done).toBe(4);
    const failing: Soak = {
      ...drawing(6),
      run: () => Promise.resolve({ done: 6, failures: ['one'], figures: {} }),
    };
    const report = await runSoak(failing, { seed: 7, log: quiet, stateFolder: folder.path });
    expect(report).toMatchObject({ finished: true, passed: false, failures: ['one'] });
    const throwing: Soak = { ...drawing(6), run: () => Promise.reject(new Error('lost a message')) };
    const thrown = await runSoak(throwing, { seed: 8, log: quiet, stateFolder: folder.path });
    expect(thrown.passed).toBe(false);
    expect(thrown.failures[0]).toContain('lost a message');
  });

  test('arguments are read; wrong ones are refused with the names there are', () => {
    expect(parseSoakArguments(['store-kills', '--count', '8', '--seed', '3', '--json', 'out.json'])).toEqual({
      name: 'store-kills',
      count: 8,
      seed: 3,
      json: 'out.json',
    });
    expect(parseSoakArguments(['store-kills'])).toEqual({
      name: 'store-kills',
      count: null,
      seed: null,
      json: null,
    });
    for (const args of [[], ['nothing'], ['store-kills', 'more'], ['../run']]) {
      expect(() => parseSoakArguments(args)).toThrow('store-kills');
    }
    expect(() => parseSoakArguments(['store-kills', '--count', '0'])).toThrow('--count');
    expect(() => parseSoakArguments(['store-kills', '--tempo', '9'])).toThrow();
  });

  test('every soak module says its own name', async () => {
    const soaks = await Promise.all(soakNames().map(loadSoak));
    expect(soaks.map((soak) => soak.name)).toEqual(soakNames());
    expect(soaks.every((soak) => soak.defaultCount > 0)).toBe(true);
  });
});
