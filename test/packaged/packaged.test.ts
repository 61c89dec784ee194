import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { extractFile } from '@electron/asar';
import { build, Platform } from 'electron-builder';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  LARGE_BYTES,
  LARGE_FILES,
  listContents,
  problemsOf,
  readContents,
} from '../../resources/packaging/contents.ts';
import { rendererPackages } from '../../resources/packaging/licences.ts';
import { nodeBinaries, sha256 } from '../../resources/packaging/node-copy.ts';
import { select } from '../../resources/packaging/selection.ts';
import { enginePackages, sqliteBinary } from '../../resources/packaging/target.ts';
import { AppPage } from '../e2e/app-page.ts';
import { appFolders, processesWith } from '../support/app-process.ts';
import { launchBrowser } from '../support/browser.ts';
import { DesktopProcess } from '../support/electron-stand-in/driver.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import {
  buildPackage,
  canPackage,
  fingerprint,
  openArchive,
  removePackage,
  ROOT,
  runBuilder,
  setWritable,
  TARGET,
  type BuiltPackage,
} from './package-run.ts';

// The app as electron-builder packages it, around a stand-in for Electron's distribution (`npm run build` first), or
// the package that LEEWARD_PACKAGE names. Its main runs through the stand-in for Electron either way.

const [ENGINE = ''] = enginePackages(TARGET);
const isLinux = process.platform === 'linux';
const NODE = process.platform === 'win32' ? 'node.exe' : 'node';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 240_000 });

describe.skipIf(!canPackage)('the package (on Linux x64, or with LEEWARD_PACKAGE)', () => {
  let made: BuiltPackage;
  let browser: Browser;
  beforeAll(async () => {
    made = await buildPackage();
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    if (made) removePackage(made);
  });

  it('has the fuses of design/security.md', async () => {
    const wire = await getCurrentFuseWire(made.executable);
    const names = Object.values(FuseV1Options).filter((value) => typeof value === 'number');
    const on = names.filter((fuse) => wire[fuse] === FuseState.ENABLE).map((fuse) => FuseV1Options[fuse]);
    expect(on).toEqual(['EnableEmbeddedAsarIntegrityValidation', 'OnlyLoadAppFromAsar']);
    const off = [
      FuseV1Options.RunAsNode,
      FuseV1Options.EnableNodeOptionsEnvironmentVariable,
      FuseV1Options.EnableNodeCliInspectArguments,
      FuseV1Options.GrantFileProtocolExtraPrivileges,
    ];
    for (const fuse of off) expect(wire[fuse], FuseV1Options[fuse]).toBe(FuseState.DISABLE);
  });

  it('holds what it needs and nothing else, within its budget; a large file has a reason', () => {
    const contents = listContents(made.resourcesDir);
    // Signing has changed the size of the Node on macOS since the list was written.
    const isSigned = (path: string) => process.platform === 'darwin' && path === `node/${NODE}`;
    const listed = (files: typeof contents) =>
      files.map((file) => (isSigned(file.path) ? { ...file, sizeBytes: 0 } : file));
    expect(listed(readContents(made.contents))).toEqual(listed(contents));
    expect(problemsOf(contents, made.resourcesDir, TARGET, select(ROOT, TARGET).needed)).toEqual([]);
    const large = contents.filter(({ sizeBytes }) => sizeBytes > LARGE_BYTES);
    expect(large.length).toBeGreaterThan(0);
    console.log(
      [
        `Contents: ${contents.length} files, ${contents.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)} bytes`,
        ...large.map(
          ({ path, sizeBytes }) =>
            `${path}, ${sizeBytes} bytes: ${LARGE_FILES.find(({ file }) => file.test(path))?.why}`,
        ),
      ].join('\n'),
    );
    // Tools of the build and the browser host's own parts are nobody's import.
    const packages = new Set(
      contents.map(({ path }) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0].slice(13)),
    );
    for (const name of [
      'electron',
      'typescript',
      'vite',
      'cmake-js',
      'yargs',
      'ws',
      'node-addon-api',
      'svelte',
    ])
      expect(packages.has(name), name).toBe(false);
    expect(contents.some(({ path }) => path === 'out/main/serve.js')).toBe(false);
    const ofNode = ['out/main/sidecar.js', 'out/main/template-worker.js'];
    expect(contents.filter(({ path }) => path.startsWith('out/main/') && !ofNode.includes(path))).toSatisfy(
      (files: { place: string }[]) => files.every(({ place }) => place === 'archive'),
    );
    expect(contents.filter(({ path }) => ofNode.includes(path))).toSatisfy((files: { place: string }[]) =>
      files.every(({ place }) => place === 'unpacked'),
    );
  });

  it('says what is wrong with contents that are not right', () => {
    const contents = listContents(made.resourcesDir);
    const without = (text: string) => contents.filter(({ path }) => !path.includes(text));
    const problems = (files: typeof contents) => problemsOf(files, made.resourcesDir, TARGET, []);
    expect(problems(without(`${ENGINE}/`))).toEqual([`${ENGINE} is missing.`]);
    expect(problems(without(sqliteBinary(TARGET)))).toEqual([`${sqliteBinary(TARGET)} is missing.`]);
    expect(problems(without('node/node'))).toEqual([
      `node/${NODE} is missing.`,
      'node/node.json is missing.',
    ]);
    for (const path of ['out/main/sidecar.js', 'out/main/template-worker.js'])
      expect(problems(without(path))).toEqual([`${path} is missing.`]);
    const extra = (path: string, sizeBytes = 1) => [
      ...contents,
      { path, sizeBytes, place: 'archive' } as const,
    ];
    expect(problems(extra('out/main/main.js.map'))).toEqual(['out/main/main.js.map is not needed.']);
    expect(problems(extra('node_modules/a/os2-x64.node'))).toEqual([
      'node_modules/a/os2-x64.node is not for this system.',
    ]);
    expect(problems(extra('node_modules/a/model.bin', 10_000_001))).toEqual([
      'node_modules/a/model.bin has 10000001 bytes and no reason.',
    ]);
    expect(problems(extra('node_modules/a/b.js', 9_000_000)).join()).toContain('The scripts have');
    expect(problems(extra(`node/${NODE}`, 700_000_000)).join()).toContain('All files together have');
    expect(problems([...contents, { path: 'gone.js', sizeBytes: 1, place: 'unpacked' }])).toEqual([
      'gone.js is missing.',
    ]);
    expect(problemsOf(contents, made.resourcesDir, TARGET, ['node_modules/a/b.js'])).toEqual([
      'node_modules/a/b.js is imported and missing.',
    ]);
  });

  it('brings one Node, the one that runs this build, as the list in the repository has it', async () => {
    const dir = join(made.resourcesDir, 'node');
    expect(readdirSync(dir).sort()).toEqual([NODE, 'node.json'].sort());
    const listed = nodeBinaries[`${TARGET.platform}-${TARGET.arch}`];
    const noted: unknown = JSON.parse(readFileSync(join(dir, 'node.json'), 'utf8'));
    expect(noted).toEqual(listed);
    // Its signature changes the file on macOS, after the build has compared it.
    if (process.platform === 'darwin') execFileSync('codesign', ['--verify', '--strict', join(dir, NODE)]);
    else expect(await sha256(join(dir, NODE))).toBe(listed?.sha256);
    expect(execFileSync(join(dir, NODE), ['--version'], { encoding: 'utf8' }).trim()).toBe(process.version);
  });

  it('names everybody whose work it holds', () => {
    const text = readFileSync(join(made.resourcesDir, 'licences', 'THIRD-PARTY.txt'), 'utf8');
    const packages = select(ROOT, TARGET).packages.map(({ path }) => path);
    packages.push(...rendererPackages(ROOT));
    expect(packages).toContain('node_modules/svelte');
    for (const path of packages) {
      const { name, version } = JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8')) as {
        name: string;
        version: string;
      };
      expect(text, path).toContain(`${name} ${version}\n`);
    }
    expect(text).toContain('llama.cpp');
    expect(existsSync(join(made.resourcesDir, 'licences', 'NODE.txt'))).toBe(true);
    const theirs = process.platform === 'darwin' ? made.resourcesDir : made.appDir;
    expect(existsSync(join(theirs, 'LICENSE.electron.txt'))).toBe(true);
    expect(existsSync(join(theirs, 'LICENSES.chromium.html'))).toBe(true);
  });

  it.runIf(isLinux)(
    'is described to the system as a program that opens GGUF files and keeps its sandbox',
    async () => {
      const manifest = JSON.parse(
        extractFile(join(made.resourcesDir, 'app.asar'), 'package.json').toString(),
      ) as Record<string, unknown>;
      expect(manifest).toMatchObject({ main: 'out/main/main.js', desktopName: 'leeward.desktop' });
      expect(manifest).not.toHaveProperty('devDependencies');
      const seen: unknown[] = [];
      // electron-builder hands over what it would build from, before it fetches its tools.
      await build({
        projectDir: ROOT,
        targets: Platform.LINUX.createTarget(['AppImage', 'deb', 'rpm']),
        prepackaged: made.appDir,
        publish: 'never',
        config: { directories: { output: join(made.dir, 'targets'), buildResources: 'resources' } },
        effectiveOptionComputed: (options: unknown) => {
          seen.push(Array.isArray(options) ? readDesktop(options) : options);
          return Promise.resolve(true);
        },
      });
      expect(seen).toHaveLength(3);
      const [image] = seen.filter(
        (each): each is { desktop: string } => typeof each === 'object' && !Array.isArray(each),
      );
      const entries = [image?.desktop, ...seen.filter((each) => typeof each === 'string')];
      expect(entries).toHaveLength(3);
      for (const entry of entries) {
        expect(entry).toContain('MimeType=application/x-gguf;');
        expect(entry).toContain('StartupWMClass=leeward');
        expect(entry).toMatch(/^Exec=(?:AppRun|\/opt\/Leeward\/leeward) %U$/m);
        expect(entry).not.toContain('no-sandbox');
      }
      const profile = readFileSync(join(made.resourcesDir, 'apparmor-profile'), 'utf8');
      expect(profile).toContain('profile "leeward" "/opt/Leeward/leeward" flags=(unconfined) {\n  userns,');
      rmSync(join(made.resourcesDir, 'apparmor-profile'));
    },
  );

  it('is not made when npm left the engine for this system out', async () => {
    const project = join(made.dir, 'half installed');
    mkdirSync(join(project, 'node_modules', '@node-llama-cpp'), { recursive: true });
    for (const path of [
      'package.json',
      'package-lock.json',
      'electron-builder.yml',
      'out',
      'resources/packaging',
    ])
      cpSync(join(ROOT, path), join(project, path), { recursive: true });
    cpSync(join(ROOT, 'src-main/electron'), join(project, 'src-main/electron'), { recursive: true });
    for (const name of readdirSync(join(ROOT, 'node_modules')))
      if (name !== '@node-llama-cpp')
        symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name), 'junction');
    const { code, output } = await runBuilder(['--dir', `--${process.arch}`], project);
    expect(output).toContain(`${ENGINE} is not installed`);
    expect(code).toBe(1);
    const dist = join(project, 'dist');
    const left = existsSync(dist) ? readdirSync(dist, { recursive: true }) : [];
    expect(left.filter((name) => String(name).includes('asar'))).toEqual([]);
  });

  it('chats from a read-only folder whose path has spaces and letters of four scripts', async () => {
    const { resourcesDir } = made;
    const appPath = openArchive(resourcesDir);
    const folders = appFolders();
    setWritable(made.appDir, false);
    const before = fingerprint(made.appDir);
    await writeScriptedModel(join(folders.modelsDir, 'harbour.gguf'), {
      script: plainScript,
      name: 'Harbour',
    });
    const app = new DesktopProcess(['--data-dir', folders.dataDir, '--models-dir', folders.modelsDir], {
      STAND_IN_PACKAGED: '1',
      STAND_IN_APP_PATH: appPath,
      STAND_IN_RESOURCES: resourcesDir,
    });
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
    context.setDefaultTimeout(20_000);
    try {
      const view = new AppPage(await app.open(context));
      expect(app.windows[0]?.options.webPreferences).toMatchObject({ sandbox: true, devTools: false });
      await view.addAndChat('harbour').click();
      await view.chipSays('Ready').waitFor();
      await view.ask('Hello');
      await view.answered(1);
      expect(await view.lastAnswer.innerText()).toContain('I give the same answer to everybody.');

      if (isLinux) seeProcesses(app, resourcesDir);
      expect(await app.quit()).toBe(0);
      expect(fingerprint(made.appDir)).toEqual(before);
    } finally {
      await app.stop();
      await context.close();
      rmSync(folders.root, { recursive: true, force: true });
    }
  });
});

/** The sidecar is the unpacked one on the package's own Node, and no native code comes from elsewhere. */
function seeProcesses(app: DesktopProcess, resourcesDir: string): void {
  const outside = join(resourcesDir, 'app.asar.unpacked');
  const [sidecar] = processesWith(join(outside, 'out', 'main', 'sidecar.js')).filter(
    ({ parent }) => parent === app.child.pid,
  );
  expect(readlinkSync(`/proc/${sidecar?.pid}/exe`)).toBe(join(resourcesDir, 'node', 'node'));
  expect(mappedCode(sidecar?.pid)).toSatisfy(
    (paths: string[]) =>
      paths.length > 3 && paths.every((path) => path.startsWith(`${outside}/node_modules/`)),
  );
  expect(mappedCode(app.child.pid)).toEqual([join(outside, sqliteBinary(TARGET))]);
}

/** The desktop entry that the arguments of the program behind deb and rpm name. */
function readDesktop(options: unknown[]): string {
  const path: unknown = options[1];
  return typeof path === 'string' ? readFileSync(path, 'utf8') : '';
}

/** Native libraries of packages that a process has loaded, from /proc. */
function mappedCode(pid: number | undefined): string[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const paths = lines
    .map((line) => /\/.*/.exec(line)?.[0] ?? '')
    .filter((path) => path.includes('node_modules/'));
  return [...new Set(paths)].filter((path) => /\.(?:node|so)(?:\.|$)/.test(path)).sort();
}
