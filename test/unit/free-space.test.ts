import { describe, expect, test } from 'vitest';
import { createRoomGuard } from '../../src-main/free-space.ts';
import { failureText } from '../../src-renderer/texts/errors.ts';

const guard = (freeBytes: number) => createRoomGuard('/data', () => Promise.resolve(freeBytes));

describe('room for what is added in one go', () => {
  test.each([
    [350_000_000, true],
    [349_999_999, false],
  ])('an import of 100 MB with %i bytes free: %s', async (freeBytes, fits) => {
    const asked = guard(freeBytes).forImport(100_000_000);
    if (fits) await expect(asked).resolves.toBeUndefined();
    else
      await expect(asked).rejects.toMatchObject({
        code: 'disk_full',
        data: { details: { needBytes: 350_000_000, freeBytes } },
      });
  });

  test('files with a message: their text counts, and a message without files is never held up', async () => {
    await expect(guard(0).forFiles([])).resolves.toBeUndefined();
    const files = [{ text: 'x'.repeat(1_000_000) }, { text: 'y'.repeat(1_000_000) }];
    await expect(guard(68_000_000).forFiles(files)).resolves.toBeUndefined();
    await expect(guard(67_999_999).forFiles(files)).rejects.toMatchObject({ code: 'disk_full' });
    const stored = [{ characters: 1_000_000 }, { characters: 1_000_000 }];
    await expect(guard(68_000_000).forCopies(stored)).resolves.toBeUndefined();
    await expect(guard(67_999_999).forCopies(stored)).rejects.toMatchObject({ code: 'disk_full' });
  });

  test('the person reads both figures and what to do', () => {
    const details = { needBytes: 350_000_000, freeBytes: 20_000_000 };
    const { title, text } = failureText({ code: 'disk_full', details });
    expect(title).toBe('The disk is full');
    expect(text).toContain('350 MB');
    expect(text).toContain('20 MB');
    expect(text).toContain('try again');
    expect(failureText({ code: 'disk_full', details: {} }).text).toContain('Free at least 200 MB');
  });
});
