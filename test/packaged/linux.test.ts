import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { generateAppRunScript } from 'app-builder-lib/out/targets/appimage/appImageUtil.js';
import { copyDir, DO_NOT_USE_HARD_LINKS } from 'builder-util';
import { afterEach, describe, expect, it } from 'vitest';

// How Linux starts the app where the sandbox is refused. It is never switched off.

const LAUNCHER = 'resources/linux/AppRun';

const scratch: string[] = [];
afterEach(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'leeward launcher '));
  scratch.push(dir);
  return dir;
}

const isLinux = process.platform === 'linux';

describe.runIf(isLinux)("electron-builder's AppImage (on Linux)", () => {
  it('would switch the sandbox off by itself; our launcher takes its place in the image', async () => {
    const config = { ExecutableName: 'leeward', ProductName: 'Leeward', ProductFilename: 'Leeward' };
    const theirs = generateAppRunScript({
      ...config,
      DesktopFileName: 'leeward.desktop',
      ResourceName: 'appimagekit-leeward',
    });
    expect(theirs).toContain('NO_SANDBOX=(--no-sandbox)');
    // As AppImageTarget does: the script first, then the app's folder over it.
    const stage = makeDir();
    const app = makeDir();
    writeFileSync(join(stage, 'AppRun'), theirs, { mode: 0o755 });
    cpSync(LAUNCHER, join(app, 'AppRun'));
    // Under vitest it would make links, which no build does.
    await copyDir(app, stage, { isUseHardLink: DO_NOT_USE_HARD_LINKS });
    expect(readFileSync(join(stage, 'AppRun'), 'utf8')).toBe(readFileSync(LAUNCHER, 'utf8'));
    expect(statSync(join(stage, 'AppRun')).mode & 0o777).toBe(0o755);
  });
});

/** What the kernel says, by path below /proc. */
type Kernel = Record<string, string>;

const OPEN: Kernel = {
  'sys/user/max_user_namespaces': '63000',
  'sys/kernel/unprivileged_userns_clone': '1',
  'sys/kernel/apparmor_restrict_unprivileged_userns': '0',
  'self/attr/current': 'unconfined',
};
const RESTRICTED = { ...OPEN, 'sys/kernel/apparmor_restrict_unprivileged_userns': '1' };

/** Runs the launcher in an image of its own, with a system that says `kernel`, and an app that prints its call. */
function launch(kernel: Kernel, args: string[] = [], tools: string[] = []) {
  const image = makeDir();
  const proc = join(image, 'proc');
  const bin = join(image, 'bin');
  mkdirSync(bin);
  for (const [path, text] of Object.entries(kernel)) {
    mkdirSync(join(proc, dirname(path)), { recursive: true });
    writeFileSync(join(proc, path), `${text}\n`);
  }
  const script = readFileSync(LAUNCHER, 'utf8');
  expect(script).toContain('\nPROC=/proc\n');
  writeFileSync(join(image, 'AppRun'), script.replace('\nPROC=/proc\n', `\nPROC='${proc}'\n`));
  const program = (path: string, text: string) => {
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
  };
  program(join(image, 'leeward'), 'printf "%s|" ran "$LD_LIBRARY_PATH" "$@"');
  for (const tool of ['cat', 'head', 'dirname', 'readlink']) symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
  for (const tool of tools)
    program(join(bin, tool), `printf '%s\\n' "${tool}" "$@" > '${join(image, 'shown')}'`);
  const { status, stdout, stderr } = spawnSync('/bin/sh', [join(image, 'AppRun'), ...args], {
    encoding: 'utf8',
    env: { PATH: bin, APPDIR: image, APPIMAGE: '/home/a person/Leeward.AppImage' },
  });
  const shown = tools.length > 0 && status !== 0 ? readFileSync(join(image, 'shown'), 'utf8') : '';
  return { image, status, stdout, stderr, shown };
}

describe.runIf(isLinux)('the launcher of the AppImage (on Linux)', () => {
  it.each([
    ['a system that allows the sandbox', OPEN],
    ['one that has none of these switches', {}],
    ['a profile for this file', { ...RESTRICTED, 'self/attr/current': 'leeward-appimage (unconfined)' }],
  ])('starts the app with its arguments as they are: %s', (_what, kernel) => {
    const { status, stdout, stderr, image } = launch(kernel, ['--data-dir', 'a b', 'mo del.gguf']);
    expect(stderr).toBe('');
    expect(stdout).toBe(`ran|${image}/usr/lib|--data-dir|a b|mo del.gguf|`);
    expect(status).toBe(0);
  });

  it.each([
    ['AppArmor', RESTRICTED],
    ['a kernel without unprivileged namespaces', { ...OPEN, 'sys/kernel/unprivileged_userns_clone': '0' }],
    ['a limit of none', { ...OPEN, 'sys/user/max_user_namespaces': '0' }],
  ])('says what to do and starts nothing where the sandbox is refused by %s', (_what, kernel) => {
    const { status, stdout, stderr } = launch(kernel);
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('Install the deb or rpm package');
    expect(stderr).toContain(
      'profile leeward-appimage "/home/a person/Leeward.AppImage" flags=(unconfined) {',
    );
    expect(stderr).toContain('sudo apparmor_parser -r /etc/apparmor.d/leeward-appimage');
    expect(stderr).not.toContain('--no-sandbox');
  });

  it.each(['zenity', 'kdialog', 'xmessage'])(
    'shows it in a window of %s where there is no terminal',
    (tool) => {
      const { status, shown } = launch(RESTRICTED, [], [tool]);
      expect(status).toBe(1);
      expect(shown).toContain(tool);
      expect(shown).toContain('Leeward does not start');
    },
  );

  it('never names the switch but to say that it is not used', () => {
    const commands = readFileSync(LAUNCHER, 'utf8').replaceAll(/^#.*$/gm, '');
    expect(commands).not.toContain('no-sandbox');
  });
});
