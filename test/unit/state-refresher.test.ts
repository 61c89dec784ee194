import { describe, expect, it } from 'vitest';
import { newId } from '../../src-renderer/state/new-id.ts';
import { createRefresher } from '../../src-renderer/state/refresher.ts';

/** A fetch whose runs end when the test says so. */
function manualFetch() {
  const runs: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const refresh = createRefresher(
    () => new Promise<void>((resolve, reject) => runs.push({ resolve, reject })),
  );
  return { runs, refresh };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('createRefresher', () => {
  it('joins all calls made during a run into one more run', async () => {
    const { runs, refresh } = manualFetch();
    const first = refresh();
    const second = refresh();
    const third = refresh();
    expect(runs).toHaveLength(1);
    runs[0]?.resolve();
    await first;
    await settled();
    expect(runs).toHaveLength(2);
    let done = false;
    void Promise.all([second, third]).then(() => (done = true));
    await settled();
    expect(done).toBe(false);
    runs[1]?.resolve();
    await Promise.all([second, third]);
    await settled();
    expect(runs).toHaveLength(2);
  });

  it('goes on after a run that failed', async () => {
    const { runs, refresh } = manualFetch();
    const first = refresh();
    const second = refresh();
    runs[0]?.reject(new Error('no'));
    await expect(first).rejects.toThrow('no');
    await settled();
    expect(runs).toHaveLength(2);
    runs[1]?.resolve();
    await second;
    const third = refresh();
    expect(runs).toHaveLength(3);
    runs[2]?.resolve();
    await third;
  });
});

describe('newId', () => {
  it('makes version 4 UUIDs, none twice', () => {
    const ids = Array.from({ length: 1_000 }, newId);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
