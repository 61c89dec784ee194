// Builds llama.cpp's own tools from the source that node-llama-cpp carries, for side-by-side figures.
// By itself: node test/bench/llama-cpp.ts
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { textOf } from './guards.ts';
import { libraryPackageFolder } from './library.ts';

const run = promisify(execFile);

export interface LlamaCpp {
  /** Release tag, for example v0.4.0. */
  release: string;
  bench: string;
  server: string;
  /** A GGUF file with Llama 2's vocabulary and nothing else; part of llama.cpp's source. */
  vocabulary: string;
  /** How the tools were built. */
  build: string;
}

/**
 * The prebuilt binary's own settings (compileLLamaCpp.js, CI mode) but one: no CPU kernels are compiled, the
 * prebuilt package's kernel libraries are copied beside the tools and loaded from there. So both sides run the
 * same machine code in the hot loops, and a difference is the caller's.
 */
const CMAKE_OPTIONS = {
  CMAKE_BUILD_TYPE: 'Release',
  BUILD_SHARED_LIBS: 'ON',
  CMAKE_BUILD_RPATH_USE_ORIGIN: 'ON',
  CMAKE_PLATFORM_NO_VERSIONED_SONAME: 'ON',
  GGML_NATIVE: 'OFF',
  GGML_OPENMP: 'OFF',
  GGML_METAL: 'OFF',
  GGML_CCACHE: 'OFF',
  GGML_BACKEND_DL: 'ON',
  GGML_CPU: 'OFF',
  LLAMA_BUILD_TESTS: 'OFF',
  LLAMA_BUILD_EXAMPLES: 'OFF',
  LLAMA_BUILD_APP: 'OFF',
  LLAMA_BUILD_UI: 'OFF',
  // On would fetch files while it builds.
  LLAMA_USE_PREBUILT_UI: 'OFF',
  LLAMA_OPENSSL: 'OFF',
};

/** Platform names in the prebuilt packages. */
const PACKAGE_PLATFORMS: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'linux',
  darwin: 'mac',
  win32: 'win',
};

/** Scratch folder of the benchmarks: LEEWARD_BENCH_DIR, or one in the system's temporary folder. */
export function benchFolder(): string {
  return process.env['LEEWARD_BENCH_DIR'] ?? join(tmpdir(), 'leeward-bench');
}

function libraryFolder(): string {
  return join(libraryPackageFolder(), 'llama');
}

/** Folder of the prebuilt CPU binaries for this platform. @throws Error when that package is not installed */
export function prebuiltFolder(): string {
  const name = `${PACKAGE_PLATFORMS[process.platform] ?? process.platform}-${process.arch}`;
  const folder = join(libraryFolder(), '..', '..', '@node-llama-cpp', name, 'bins', name);
  if (!existsSync(folder)) throw new Error(`no prebuilt binaries for ${name}`);
  return folder;
}

async function releaseTag(): Promise<string> {
  const info: unknown = JSON.parse(await readFile(join(libraryFolder(), 'llama.cpp.info.json'), 'utf8'));
  return textOf(info, 'tag');
}

/** Runs a command at the lowest priority with its output in a file. */
async function logged(log: string, command: string, args: string[]): Promise<void> {
  const file = await open(log, 'a');
  try {
    const [program, rest] =
      process.platform === 'win32' ? [command, args] : ['nice', ['-n', '19', command, ...args]];
    const child = spawn(program, rest, { stdio: ['ignore', file.fd, file.fd] });
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`${command} failed, see ${log}`)),
      );
    });
  } finally {
    await file.close();
  }
}

async function copyKernels(to: string): Promise<void> {
  for (const name of await readdir(prebuiltFolder())) {
    if (/^(lib)?ggml-(base|cpu)/.test(name)) await copyFile(join(prebuiltFolder(), name), join(to, name));
  }
}

async function build(folder: string, report: (line: string) => void): Promise<void> {
  const source = join(folder, 'source');
  const log = join(folder, 'build.log');
  await mkdir(folder, { recursive: true });
  report(`building llama.cpp's tools in ${folder} (4 to 12 minutes, once)`);
  // A build that was cut off goes on where it was: only a half-made clone is made again.
  if (!existsSync(join(source, 'CMakeLists.txt'))) {
    await rm(source, { recursive: true, force: true });
    await run('git', ['clone', '--quiet', join(libraryFolder(), 'gitRelease.bundle'), source]);
  }
  const options = Object.entries(CMAKE_OPTIONS).map(([key, value]) => `-D${key}=${value}`);
  await logged(log, 'cmake', ['-S', source, '-B', join(folder, 'build'), ...options]);
  const jobs = String(Math.min(availableParallelism(), 8));
  const targets = ['llama-bench', 'llama-server'];
  const config = ['--config', 'Release', '-j', jobs];
  await logged(log, 'cmake', ['--build', join(folder, 'build'), ...config, '--target', ...targets]);
}

/**
 * The tools of the llama.cpp release that the installed node-llama-cpp carries, built on first use.
 * Needs git, cmake and a C++ compiler.
 * @throws Error naming the log when the build fails
 */
export async function ensureLlamaCpp(report: (line: string) => void): Promise<LlamaCpp> {
  const release = await releaseTag();
  const folder = join(benchFolder(), `llama.cpp-${release}`);
  const bin = join(folder, 'build', 'bin');
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const stamp = join(folder, 'built.json');
  if (!existsSync(stamp)) {
    await build(folder, report);
    await copyKernels(bin);
    await writeFile(stamp, JSON.stringify({ release, options: CMAKE_OPTIONS }));
  }
  return {
    release,
    bench: join(bin, `llama-bench${suffix}`),
    server: join(bin, `llama-server${suffix}`),
    vocabulary: join(folder, 'source', 'models', 'ggml-vocab-llama-spm.gguf'),
    build: `llama.cpp ${release} from node-llama-cpp's bundle, Release, OpenMP off, the prebuilt package's CPU kernels`,
  };
}

if (process.argv[1] === import.meta.filename) {
  const tools = await ensureLlamaCpp((line) => process.stderr.write(`${line}\n`));
  process.stdout.write(`${tools.bench}\n${tools.server}\n`);
}
