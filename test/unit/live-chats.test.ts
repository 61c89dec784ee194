import { describe, expect, it } from 'vitest';
import { automaticLiveChats, MAX_LIVE_CHATS } from '../../src-main/engine/live-chats.ts';

const GIB = 2 ** 30;

describe('chats that are kept in memory', () => {
  it.each([
    ['plenty of memory', { ram: 0.1, vram: 0 }, { ram: 16, vram: 0 }, MAX_LIVE_CHATS],
    ['a cache of which a quarter of the memory holds two', { ram: 1, vram: 0 }, { ram: 11, vram: 0 }, 2],
    ['a cache larger than that', { ram: 4, vram: 0 }, { ram: 11, vram: 0 }, 1],
    ['no memory at all', { ram: 1, vram: 0 }, { ram: -1, vram: 0 }, 1],
    ['a card with room for three', { ram: 0, vram: 1 }, { ram: 64, vram: 12.5 }, 3],
    ['layers on both: the scarcer decides', { ram: 1, vram: 1 }, { ram: 64, vram: 8 }, 2],
    ['a model without a cache', { ram: 0, vram: 0 }, { ram: 1, vram: 0 }, MAX_LIVE_CHATS],
  ])('%s', (_name, cache, free, expected) => {
    const bytes = ({ ram, vram }: typeof cache) => ({ ramBytes: ram * GIB, vramBytes: vram * GIB });
    expect(automaticLiveChats(bytes(cache), bytes(free))).toBe(expected);
  });
});
