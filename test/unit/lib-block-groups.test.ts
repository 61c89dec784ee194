import { describe, expect, it } from 'vitest';
import { BlockGroups } from '../../src-renderer/lib/markdown/block-groups.ts';

const blocks = (count: number) => Array.from({ length: count }, (_, id) => ({ id }));

describe('groups of blocks', () => {
  it('hold all blocks in order, and the one that grows at the end', () => {
    for (const count of [0, 1, 15, 16, 17, 40]) {
      const all = blocks(count);
      const tail = { id: count };
      const groups = new BlockGroups<{ id: number }>();
      expect(groups.of(all, null).flat()).toEqual(all);
      expect(groups.of(all, tail).flat()).toEqual([...all, tail]);
    }
  });

  it('stay the same arrays but for the last, while words and blocks come', () => {
    const groups = new BlockGroups<{ id: number }>();
    const first = blocks(40);
    const before = groups.of(first, { id: 40 });
    const next = groups.of([...first, { id: 40 }], { id: 41 });
    expect(next).toHaveLength(3);
    expect(next[0]).toBe(before[0]);
    expect(next[1]).toBe(before[1]);
    expect(next[2]).not.toBe(before[2]);
  });

  it('are made anew where a block became another one', () => {
    const groups = new BlockGroups<{ id: number }>();
    const first = blocks(40);
    const before = groups.of(first, null);
    const changed = first.map((block) => (block.id === 3 ? { ...block } : block));
    const after = groups.of(changed, null);
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).toBe(before[1]);
    expect(groups.of(first.slice(0, 20), null).flat()).toEqual(first.slice(0, 20));
  });
});
