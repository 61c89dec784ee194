import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchElectron, findElectron } from '../../src-main/launch-electron.ts';

// Electron's own installer, unmodified, beside a list of hashes of ours; its release page is a local server.

const ROOT = join(import.meta.dirname, '..', '..');
const REAL = join(ROOT, 'node_modules', 'electron');
const { version } = JSON.parse(readFileSync(join(REAL, 'package.json'), 'utf8')) as { version: string };
const ARCHIVE = `electron-v${version}-${process.platform}-${process.arch}.zip`;

/** A zip archive of files that are stored as they are. */
function zipOf(files: Record<string, string>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(path.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, path, content]);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE((0o100755 << 16) >>> 0, 6);
    entry.writeUInt32LE(offset, 10);
    // "Made by" a Unix system, so that the mode counts.
    const madeBy = Buffer.from([20, 3]);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02', 'latin1'), madeBy, common, entry, path]));
    parts.push(local);
    offset += local.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(size, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const binaryName = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };
const BINARY = process.platform in binaryName ? Reflect.get(binaryName, process.platform) : 'electron';
const release = zipOf({ version, [String(BINARY)]: '#!/bin/sh\nexit 0\n' });

let root: string;
let packageDir: string;
let server: Server;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: string[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'leeward-launch-'));
  packageDir = join(root, 'electron');
  mkdirSync(packageDir);
  for (const name of ['install.js', 'package.json']) copyFileSync(join(REAL, name), join(packageDir, name));
  // What the installer requires is looked for beside and above it.
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'junction');
  useHashOf(release);
  asked = [];
  answer = (_request, response) => response.end(release);
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(root, { recursive: true, force: true });
});

function useHashOf(content: Buffer): void {
  const hash = createHash('sha256').update(content).digest('hex');
  writeFileSync(join(packageDir, 'checksums.json'), JSON.stringify({ [ARCHIVE]: hash }));
}

/** What documents a mirror and a cache: https://www.electronjs.org/docs/latest/tutorial/installation */
const environment = () => ({
  ...process.env,
  ELECTRON_MIRROR: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  electron_config_cache: join(root, 'cache'),
  ELECTRON_OVERRIDE_DIST_PATH: undefined,
});
const fetchIt = (
  options: Partial<Parameters<typeof fetchElectron>[0]> = {},
  signal = new AbortController().signal,
) => fetchElectron({ packageDir, signal, env: environment(), checkMs: 50, ...options });
const find = () => findElectron(packageDir, environment());

describe('fetching Electron at npm start', () => {
  it('takes the release of the pinned version, checks its hash and finds the binary', async () => {
    expect(find()).toBeNull();
    await fetchIt();
    expect(asked).toEqual([`/v${version}/${ARCHIVE}`]);
    expect(find()).toBe(join(packageDir, 'dist', String(BINARY)));
    expect(readFileSync(join(packageDir, 'path.txt'), 'utf8')).toBe(BINARY);
    // What is there is not fetched again.
    await fetchIt();
    expect(asked).toHaveLength(1);
  });

  it('installs nothing whose hash is not the one in the package', async () => {
    useHashOf(Buffer.from('another release'));
    await fetchIt();
    expect(asked).toHaveLength(1);
    expect(find()).toBeNull();
    expect(existsSync(join(packageDir, 'dist'))).toBe(false);
  });

  it('gives up where there is no such release, and where there is no server', async () => {
    answer = (_request, response) => response.writeHead(404).end();
    await fetchIt();
    expect(find()).toBeNull();
    await fetchIt({ env: { ...environment(), ELECTRON_MIRROR: 'http://127.0.0.1:9/' } });
    expect(find()).toBeNull();
  });

  it('gives up when nothing arrives any more, and leaves no process and no scratch behind', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': String(release.length) });
      response.write(release.subarray(0, 20));
    };
    const scratch = join(root, 'scratch');
    mkdirSync(scratch);
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = scratch;
    try {
      await fetchIt({ stallMs: 3_000 });
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    expect(find()).toBeNull();
    expect(readdirSync(scratch)).toEqual([]);
    // The next start gets it whole.
    answer = (_request, response) => response.end(release);
    await fetchIt();
    expect(find()).not.toBeNull();
  });

  it('ends with its cancellation', async () => {
    const cancelled = new AbortController();
    answer = () => cancelled.abort();
    await fetchIt({}, cancelled.signal);
    expect(find()).toBeNull();
    await fetchIt({}, AbortSignal.abort());
    expect(find()).toBeNull();
  });

  it('takes a binary that the environment names, as Electron’s own command does', () => {
    const dist = join(root, 'my electron');
    mkdirSync(dist);
    const env = { ELECTRON_OVERRIDE_DIST_PATH: dist };
    expect(findElectron(packageDir, env)).toBeNull();
    writeFileSync(join(dist, 'electron'), '');
    expect(findElectron(packageDir, env)).toBe(join(dist, 'electron'));
    // A fetch that was cut off has written no path.
    mkdirSync(join(packageDir, 'dist'));
    writeFileSync(join(packageDir, 'dist', 'electron'), '');
    expect(findElectron(packageDir, {})).toBeNull();
  });
});

// A person at a terminal with a display; the package's own folder is never written to: the mirror has nothing.
describe.skipIf(process.platform !== 'linux')('npm start (skipped: not Linux)', () => {
  /** Runs the launcher as an account that may open windows. */
  function start(args: string[], env: NodeJS.ProcessEnv) {
    const asPerson = 'data:text/javascript,process.getuid=()=>1000';
    const child = spawn(process.execPath, ['--import', asPerson, 'src-main/launch.ts', ...args], {
      cwd: ROOT,
      env: { ...environment(), DISPLAY: ':7', ...env },
    });
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const exited = new Promise<{ code: number | null; errors: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, errors })),
    );
    return { child, exited, said: () => errors };
  }
  const folders = () => ['--data-dir', join(root, 'data'), '--models-dir', root];

  it.skipIf(existsSync(join(REAL, 'path.txt')))(
    'runs in the browser where Electron cannot be fetched (skipped: it is there already)',
    async () => {
      answer = (_request, response) => response.writeHead(404).end();
      const { child, exited, said } = start([...folders(), '--port', '0'], {});
      await expect.poll(said, { timeout: 60_000 }).toContain('Leeward runs in your browser');
      await expect.poll(() => existsSync(join(root, 'data', 'leeward.lock')), { timeout: 30_000 }).toBe(true);
      child.kill('SIGTERM');
      const { code, errors } = await exited;
      expect(asked).toEqual([`/v${version}/${ARCHIVE}`]);
      expect(errors).toContain('Electron could not be fetched.');
      expect(errors).toContain('Electron is not installed');
      expect(code).toBe(0);
    },
  );

  it.skipIf(existsSync(join(REAL, 'path.txt')))(
    'ends at once when the fetch is cancelled (skipped: it is there already)',
    async () => {
      const { child, exited } = start(folders(), {});
      answer = () => child.kill('SIGINT');
      const { code, errors } = await exited;
      expect(code).toBe(130);
      expect(errors).not.toContain('Leeward runs');
    },
  );

  it('runs the binary on the app’s folder, as an Electron, and hands signals on', async () => {
    const dist = join(root, 'dist');
    mkdirSync(dist);
    // It writes what it was given and waits for the signal.
    const script = `#!/bin/sh\necho "given:$1|$2|node:$ELECTRON_RUN_AS_NODE" >&2\ntrap 'exit 7' TERM\nwhile :; do sleep 0.05; done\n`;
    writeFileSync(join(dist, 'electron'), script);
    chmodSync(join(dist, 'electron'), 0o755);
    const { child, exited, said } = start(['--data-dir'], {
      ELECTRON_OVERRIDE_DIST_PATH: dist,
      ELECTRON_RUN_AS_NODE: '1',
    });
    await expect.poll(said, { timeout: 60_000 }).toContain('given:');
    child.kill('SIGTERM');
    const { code, errors } = await exited;
    expect(errors).toContain('Leeward runs in its own window.');
    expect(errors).toContain(`given:${ROOT}|--data-dir|node:\n`);
    expect(errors).toContain('The window ended with an error.');
    expect(code).toBe(7);
    expect(asked).toEqual([]);
  });
});
