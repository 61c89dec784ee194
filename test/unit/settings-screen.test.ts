import { describe, expect, it } from 'vitest';
import type { LedgerEntry, StorageItem } from '../../src-main/contract/index.ts';
import { groupLedger, sinceText } from '../../src-renderer/screens/settings/ledger.ts';
import { shortcutRows } from '../../src-renderer/screens/settings/shortcut-list.ts';
import { storedRows } from '../../src-renderer/screens/settings/stored.ts';

const HOUR = 3_600_000;
const noon = new Date(2026, 10, 23, 12).getTime();

function entry(id: number, at: number): LedgerEntry {
  return {
    id,
    sessionId: '00000000-0000-4000-8000-000000000000',
    at,
    host: 'huggingface.co',
    purpose: 'models.search',
    sentBytes: 1,
    receivedBytes: 2,
    outcome: 'done',
  };
}

describe('groups of the ledger', () => {
  it('are this session, the rest of today and then days', () => {
    const groups = groupLedger(
      [entry(5, noon), entry(4, noon - 3 * HOUR), entry(3, noon - 24 * HOUR), entry(2, noon - 25 * HOUR)],
      noon - HOUR,
      noon,
    );
    expect(groups.map((group) => [group.kind, group.rows.map((row) => row.id)])).toEqual([
      ['session', [5]],
      ['today', [4]],
      ['day', [3, 2]],
    ]);
  });

  it('count a session that began yesterday as one', () => {
    const groups = groupLedger([entry(2, noon), entry(1, noon - 20 * HOUR)], noon - 30 * HOUR, noon);
    expect(groups).toHaveLength(1);
    expect(groups[0]?.at).toBe(noon - 30 * HOUR);
  });

  it('are none without entries', () => {
    expect(groupLedger([], noon, noon)).toEqual([]);
  });
});

it('"on since" has the day only when it was not today', () => {
  expect(sinceText(noon, noon + HOUR)).not.toContain(',');
  expect(sinceText(noon - 48 * HOUR, noon)).toContain('21');
});

it('what is stored shows one row a kind, and every folder of models', () => {
  const items: StorageItem[] = [
    { kind: 'database', path: 'leeward.db', sizeBytes: 10 },
    { kind: 'database', path: 'leeward.db-wal', sizeBytes: 5 },
    { kind: 'models', path: '~/a', sizeBytes: 1 },
    { kind: 'models', path: '~/b', sizeBytes: 2 },
  ];
  expect(storedRows(items)).toEqual([
    { kind: 'database', path: 'leeward.db, leeward.db-wal', sizeBytes: 15 },
    { kind: 'models', path: '~/a', sizeBytes: 1 },
    { kind: 'models', path: '~/b', sizeBytes: 2 },
  ]);
  expect(items[0]?.sizeBytes).toBe(10);
});

describe('shortcut rows', () => {
  const ids = ['send', 'newLine', 'newChat', 'rename'] as const;
  const linux = { mac: false, browserTab: true };

  it('show the keys of the host, and swap Enter with the setting', () => {
    const rows = shortcutRows(ids, linux, { sendWithEnter: true, query: '' });
    expect(rows.map((row) => row.keys.join(' '))).toEqual(['Enter', 'Shift Enter', 'Alt N', 'F2']);
    const off = shortcutRows(ids, linux, { sendWithEnter: false, query: '' });
    expect(off.map((row) => row.keys.join(' '))).toEqual(['Ctrl Enter', 'Enter', 'Alt N', 'F2']);
    const mac = shortcutRows(
      ['newChat'],
      { mac: true, browserTab: false },
      { sendWithEnter: true, query: '' },
    );
    expect(mac[0]?.keys).toEqual(['⌘', 'N']);
  });

  it('are filtered by action and by key', () => {
    const found = shortcutRows(ids, linux, { sendWithEnter: true, query: 'f2' });
    expect(found.map((row) => row.id)).toEqual(['rename']);
    expect(shortcutRows(ids, linux, { sendWithEnter: true, query: 'new chat' }).map((row) => row.id)).toEqual(
      ['newChat'],
    );
  });
});
