import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getConfig, validateConfiguration } from 'app-builder-lib/out/util/config/config.js';
import { DebugLogger } from 'builder-util';
import type { Configuration } from 'electron-builder';
import { describe, expect, it } from 'vitest';
import { nodeBinaries } from '../../resources/packaging/node-copy.ts';
import { signOptions } from '../../resources/packaging/sign-mac.ts';
import { AD_HOC, enginePackages } from '../../resources/packaging/target.ts';
import { APP_ID } from '../../src-main/electron/rules.ts';
import { outsideArchive } from '../../src-main/entries.ts';
import { pngSize, readIcns, readIco } from '../support/icon-files.ts';

const SYSTEMS = ['darwin-arm64', 'darwin-x64', 'linux-arm64', 'linux-x64', 'win32-x64'];
const target = (system: string, cuda = false) => {
  const [platform = '', arch = ''] = system.split('-');
  return { platform, arch, cuda };
};
const read = <T>(path: string) => JSON.parse(readFileSync(path, 'utf8')) as T;

describe('electron-builder.yml', () => {
  const load = (file: string | null = null): Promise<Configuration> => getConfig(process.cwd(), file, null);
  const accept = (config: Configuration) => validateConfiguration(config, new DebugLogger(false));

  it("is accepted by electron-builder's schema, with its parts for all three systems", async () => {
    const config = await load();
    await accept(config);
    expect(config.win).toMatchObject({ target: ['nsis', 'portable'] });
    expect(config.mac).toMatchObject({ target: ['dmg', 'zip'], hardenedRuntime: true });
    expect(config.linux).toMatchObject({ target: ['AppImage', 'deb', 'rpm'] });
    expect(config.publish).toBeNull();
    // Windows ties notices and the taskbar to it.
    expect(config.appId).toBe(APP_ID);
    for (const part of [config.win, config.mac, config.linux])
      expect(part?.fileAssociations).toMatchObject([{ ext: 'gguf' }]);
  });

  it('has a second file for the package with CUDA, which differs in what it holds and in its names', async () => {
    const base = await load();
    const config = await load('electron-builder.cuda.yml');
    await accept(config);
    expect(config.extraMetadata).toEqual({ ...base.extraMetadata, engine: 'cuda' });
    const names = [config, base].flatMap(({ artifactName, nsis, portable }) => [
      artifactName,
      nsis?.artifactName,
      portable?.artifactName,
    ]);
    expect(new Set(names).size).toBe(6);
    expect(names.filter((name) => name?.includes('-cuda'))).toHaveLength(3);
    expect(config).toMatchObject({ mac: base.mac, linux: base.linux, electronFuses: base.electronFuses });
  });

  it.each([
    ['win', { win: { sandbox: false } }],
    ['mac', { mac: { entitlement: 'a.plist' } }],
    ['linux', { linux: { sandbox: false } }],
    ['a fuse', { electronFuses: { runAsNode: 'off' } }],
  ])('would not be with a mistake in %s', async (_part, mistake) => {
    const config = { ...(await load()), ...mistake } as Configuration;
    await expect(accept(config)).rejects.toThrow(/configuration/i);
  });

  it('names files that exist', async () => {
    const config = await load();
    const paths = [
      config.beforeBuild,
      config.beforePack,
      config.afterPack,
      config.mac?.sign,
      config.mac?.entitlements,
      config.mac?.entitlementsInherit,
      config.deb?.appArmorProfile,
      config.rpm?.appArmorProfile,
      ...[config.mac?.icon, config.win?.icon, config.linux?.icon].map((icon) => `resources/${icon}`),
    ];
    for (const path of paths) expect(existsSync(String(path)), String(path)).toBe(true);
  });
});

describe('what goes in', () => {
  it('is, for every system, a Node and builds of the engine that package-lock.json pins', () => {
    const { packages } = read<{ packages: Record<string, { version?: string; integrity?: string }> }>(
      'package-lock.json',
    );
    expect(Object.keys(nodeBinaries).sort()).toEqual(SYSTEMS);
    for (const system of SYSTEMS) {
      const node = nodeBinaries[system];
      expect(packages[`node_modules/${node?.package}`]?.version, system).toBe(node?.version);
      expect(node?.sha256, system).toMatch(/^[0-9a-f]{64}$/);
      for (const name of enginePackages(target(system, true)))
        expect(packages[`node_modules/${name}`]?.integrity, name).toMatch(/^sha512-/);
    }
  });

  it('has CUDA only where it is asked for', () => {
    for (const system of SYSTEMS)
      expect(enginePackages(target(system)).filter((name) => name.includes('cuda'))).toEqual([]);
    expect(enginePackages(target('win32-x64', true)).slice(2)).toEqual([
      '@node-llama-cpp/win-x64-cuda',
      '@node-llama-cpp/win-x64-cuda-ext',
    ]);
    expect(() => enginePackages(target('win32-arm64'))).toThrow(
      'There is no package of Leeward for win32-arm64.',
    );
  });

  it.each([
    [
      '/opt/Leeward/resources/app.asar/out/main/sidecar.js',
      '/opt/Leeward/resources/app.asar.unpacked/out/main/sidecar.js',
    ],
    ['C:\\L\\app.asar\\out\\main\\sidecar.js', 'C:\\L\\app.asar.unpacked\\out\\main\\sidecar.js'],
    ['/my/app.asar/x/app.asar/out/sidecar.js', '/my/app.asar/x/app.asar.unpacked/out/sidecar.js'],
    ['/home/a/leeward/out/main/sidecar.js', '/home/a/leeward/out/main/sidecar.js'],
    ['/home/a/app.asar.copy/out/main/sidecar.js', '/home/a/app.asar.copy/out/main/sidecar.js'],
  ])('the sidecar of %s is run from %s', (path, expected) => {
    expect(outsideArchive(path)).toBe(expected);
  });
});

describe('signing for macOS', () => {
  const NODE = '/tmp/Leeward.app/Contents/Resources/node/node';
  const OTHERS = [
    '/tmp/Leeward.app',
    '/tmp/Leeward.app/Contents/Frameworks/Leeward Helper (Renderer).app',
    '/tmp/Leeward.app/Contents/Resources/app.asar.unpacked/node_modules/better-sqlite3/prebuilds/darwin-arm64.node',
  ];
  const options = (identity: string) =>
    signOptions({
      app: '/tmp/Leeward.app',
      identity,
      optionsForFile: () => ({ entitlements: 'resources/mac/entitlements.plist', hardenedRuntime: true }),
    });
  const keys = (path: unknown) =>
    [...readFileSync(String(path), 'utf8').matchAll(/<key>([^<]*)<\/key>\s*<true\/>/g)].map(([, key]) => key);

  it('gives the Node alone the right to load libraries of others', () => {
    const { optionsForFile } = options('0123456789');
    for (const path of OTHERS) {
      expect(keys(optionsForFile?.(path).entitlements), path).toEqual(['com.apple.security.cs.allow-jit']);
      expect(optionsForFile?.(path).hardenedRuntime).toBe(true);
    }
    expect(optionsForFile?.(NODE).hardenedRuntime).toBe(true);
    expect(keys(optionsForFile?.(NODE).entitlements)).toEqual([
      'com.apple.security.cs.allow-jit',
      'com.apple.security.cs.disable-library-validation',
    ]);
  });

  it('leaves the hardened runtime off without a certificate', () => {
    const { optionsForFile } = options(AD_HOC);
    for (const path of [NODE, ...OTHERS]) expect(optionsForFile?.(path).hardenedRuntime).toBe(false);
  });
});

describe('the icons', () => {
  const DIR = 'resources/icons';

  it('are made from the source as it is (run test/support/icons.ts)', () => {
    const { source, sha256 } = read<{ source: string; sha256: string }>(join(DIR, 'source.json'));
    expect(sha256).toBe(createHash('sha256').update(readFileSync(source)).digest('hex'));
  });

  it('are there in every size of the three systems', () => {
    const pictures = readdirSync(DIR).filter((name) => name.endsWith('.png'));
    const sizes = pictures.map((name) => {
      const [width, height] = pngSize(readFileSync(join(DIR, name)));
      expect(name).toBe(`${width}x${height}.png`);
      return width;
    });
    expect(sizes.sort((a, b) => a - b)).toEqual([16, 24, 32, 48, 64, 128, 256, 512, 1024]);
    const windows = readIco(readFileSync(join(DIR, 'icon.ico')));
    expect(windows.map(([size, png]) => [size, ...pngSize(png)])).toEqual(
      [16, 24, 32, 48, 64, 128, 256].map((size) => [size, size, size]),
    );
    const mac = readIcns(readFileSync(join(DIR, 'icon.icns')));
    expect(mac.map(([type, png]) => [type, pngSize(png)[0]])).toEqual([
      ['ic07', 128],
      ['ic08', 256],
      ['ic09', 512],
      ['ic10', 1024],
      ['ic11', 32],
      ['ic12', 64],
      ['ic13', 256],
      ['ic14', 512],
    ]);
  });
});

describe('the workflows', () => {
  const DIR = '.github/workflows';
  const files = readdirSync(DIR).map((name) => [name, readFileSync(join(DIR, name), 'utf8')] as const);

  it.each(files)('%s takes actions by their commit, and no right that it does not name', (_name, text) => {
    const uses = [...text.matchAll(/uses: (\S+)(.*)/g)];
    expect(uses.length).toBeGreaterThan(0);
    for (const [, action, comment] of uses) {
      expect(action).toMatch(/^actions\/[a-z-]+@[0-9a-f]{40}$/);
      expect(comment).toMatch(/^ # v\d+\.\d+\.\d+$/);
    }
    expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
    expect(text).not.toMatch(/pull_request_target|write-all/);
    // Credentials of the check-out stay out of reach of what runs after it.
    expect(text.match(/actions\/checkout@/g)?.length).toBe(text.match(/persist-credentials: false/g)?.length);
  });
});
