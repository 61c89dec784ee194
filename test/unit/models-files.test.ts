import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { errorCodeOf, isAppError } from '../../src-main/contract/index.ts';
import { createModelFiles, isInside } from '../../src-main/models/model-files.ts';

let root: string;
let models: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'leeward-files-')));
  models = join(root, 'models');
  await mkdir(models);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, sizeBytes = 10): Promise<string> {
  const full = join(models, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, Buffer.alloc(sizeBytes));
  return full;
}

const filesOf = (...folders: string[]) =>
  createModelFiles(() =>
    (folders.length ? folders : [models]).map((path, index) => ({ id: `f${index}`, path })),
  );
const namesOf = async (files = filesOf()) => (await files.list()).map(({ found }) => found.fileName).sort();

async function failureOf(promise: Promise<unknown>) {
  return promise.then(
    () => ({ code: 'no error', details: undefined }),
    (error: unknown) => ({
      code: errorCodeOf(error),
      details: isAppError(error) ? error.data.details : undefined,
    }),
  );
}

test('only GGUF files, projectors left out, at most six folders deep', async () => {
  for (const name of ['a.gguf', 'B.GGUF', 'notes.txt', 'mmproj-a.gguf', 'a.gguf.part', 'd2/b.gguf'])
    await put(name);
  await put('2/3/4/5/6/six.gguf');
  await put('2/3/4/5/6/7/seven.gguf');
  expect(await namesOf()).toEqual(['B.GGUF', 'a.gguf', 'b.gguf', 'six.gguf']);
});

test('ids are stable within a run, differ between runs and hide the path', async () => {
  await put('a.gguf');
  const files = filesOf();
  const [first] = await files.list();
  expect((await files.list())[0]?.fileId).toBe(first?.fileId);
  expect((await filesOf().list())[0]?.fileId).not.toBe(first?.fileId);
  expect(first?.fileId).toMatch(/^[\w-]{22}$/);
});

test('a path, an unknown id and an id of another run are not found', async () => {
  const path = await put('a.gguf');
  const files = filesOf();
  const [foreign] = await filesOf().list();
  for (const id of [path, '../a.gguf', 'nonsense', foreign?.fileId ?? '']) {
    expect((await failureOf(files.resolve(id))).code).toBe('not_found');
  }
});

test('split files are one, with their sizes summed, from whichever part they are chosen', async () => {
  const parts = [1, 2, 3].map((n) => `big-0000${n}-of-00003.gguf`);
  const paths = await Promise.all(parts.map((name, index) => put(name, 100 * (index + 1))));
  const files = filesOf();
  const list = await files.list();
  expect(list).toHaveLength(1);
  expect(list[0]?.found).toEqual({ path: paths[0], fileName: parts[0], partPaths: paths, sizeBytes: 600 });

  const chosen = createModelFiles(() => []);
  const [id] = await chosen.allow([paths[2] ?? '']);
  expect((await chosen.resolve(id ?? '')).path).toBe(paths[0]);
  expect(await namesOf(chosen)).toEqual([parts[0]]);
});

test('a missing part is named', async () => {
  await put('big-00001-of-00003.gguf');
  await put('big-00003-of-00003.gguf');
  const files = filesOf();
  const [entry] = await files.list();
  expect(await failureOf(files.resolve(entry?.fileId ?? ''))).toEqual({
    code: 'model_file_missing',
    details: { fileName: 'big-00002-of-00003.gguf', part: 2, parts: 3 },
  });
});

test('part numbers that make no sense are a plain name', async () => {
  await put('x-00004-of-00003.gguf');
  await put('y-00001-of-99999.gguf');
  expect(await namesOf()).toEqual(['x-00004-of-00003.gguf', 'y-00001-of-99999.gguf']);
});

test('links count when they end inside the folder', async () => {
  const blob = await put('blobs/0123abcd');
  const outside = join(root, 'outside.gguf');
  await writeFile(outside, 'secret');
  await mkdir(join(root, 'elsewhere'));
  await writeFile(join(root, 'elsewhere', 'other.gguf'), 'x');
  await symlink(blob, join(models, 'inside.gguf'));
  await symlink(outside, join(models, 'outside.gguf'));
  await symlink(join(root, 'elsewhere'), join(models, 'folder-out'));
  await symlink(models, join(models, 'blobs', 'loop'));
  await symlink(join(root, 'gone.gguf'), join(models, 'broken.gguf'));
  expect(await namesOf()).toEqual(['inside.gguf']);
});

test('a file that became a link to elsewhere after it was listed is forbidden', async () => {
  const path = await put('a.gguf');
  const files = filesOf();
  const [entry] = await files.list();
  const outside = join(root, 'outside.gguf');
  await rename(path, outside);
  await symlink(outside, path);
  expect((await failureOf(files.resolve(entry?.fileId ?? ''))).code).toBe('model_file_forbidden');
});

test('a file that has gone since it was listed is missing', async () => {
  const path = await put('a.gguf');
  const files = filesOf();
  const [entry] = await files.list();
  await rm(path);
  expect((await failureOf(files.resolve(entry?.fileId ?? ''))).code).toBe('model_file_missing');
});

test('a dialog lets in the file it gave and nothing beside it', async () => {
  const path = await put('a.gguf');
  await put('b.gguf');
  const text = await put('c.txt');
  const files = createModelFiles(() => []);
  const ids = await files.allow([path, text, join(models, 'missing.gguf')]);
  expect(ids).toHaveLength(1);
  expect(await namesOf(files)).toEqual(['a.gguf']);
});

test('folders have labels that tell them apart, and say when they are gone', async () => {
  const other = join(root, 'disk', 'models');
  await mkdir(other, { recursive: true });
  const files = filesOf(models, other, join(root, 'absent'));
  const folders = await files.folders();
  expect(folders.map(({ id, available }) => [id, available])).toEqual([
    ['f0', true],
    ['f1', true],
    ['f2', false],
  ]);
  expect(folders.map(({ label }) => label)).toEqual([
    join(root.split('/').at(-1) ?? '', 'models'),
    join('disk', 'models'),
    'absent',
  ]);
});

test('a location names folder and way below it, never an absolute path', async () => {
  const files = filesOf();
  expect(files.location(join(models, 'a.gguf'))).toBe('models');
  expect(files.location(join(models, 'mistral', 'v3', 'a.gguf'))).toBe('models / mistral / v3');
  expect(files.location(join(root, 'away', 'a.gguf'))).toBe('away');
});

test('isInside', () => {
  expect(isInside('/a/b', '/a/b')).toBe(true);
  expect(isInside('/a/b', '/a/b/c')).toBe(true);
  expect(isInside('/a/b', '/a/b/..c')).toBe(true);
  expect(isInside('/a/b', '/a/bc')).toBe(false);
  expect(isInside('/a/b', '/a')).toBe(false);
  expect(isInside('/a/b', '/a/b/../c')).toBe(false);
});
