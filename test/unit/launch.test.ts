import { describe, expect, it } from 'vitest';
import {
  chooseHost,
  needsBuild,
  nodeProblem,
  wantsElectron,
  windowProblem,
} from '../../src-main/launch-plan.ts';

const binary = '/app/node_modules/electron/dist/electron';
const able = { mode: 'start', electronBinary: binary, desktopBundle: true, windowProblem: null } as const;

describe('chooseHost', () => {
  it.each([
    [able, 'desktop', 'its own window'],
    [{ ...able, electronBinary: null }, 'browser', 'Electron is not installed'],
    [{ ...able, desktopBundle: false }, 'browser', 'not built'],
    [{ ...able, windowProblem: 'there is no display here.' }, 'browser', 'no display'],
    [{ ...able, mode: 'serve' }, 'browser', 'as asked'],
    [{ ...able, mode: 'serve', electronBinary: null }, 'browser', 'as asked'],
  ] as const)('%j gives %s', (facts, host, why) => {
    const choice = chooseHost(facts);
    expect(choice.host).toBe(host);
    expect(choice.why).toContain(why);
    expect(choice.why).not.toContain('\n');
  });
});

describe('wantsElectron', () => {
  it.each([
    [able, false],
    [{ ...able, electronBinary: null }, true],
    [{ ...able, electronBinary: null, mode: 'serve' }, false],
    [{ ...able, electronBinary: null, windowProblem: 'there is no display here.' }, false],
  ] as const)('%j: %s', (facts, wanted) => {
    expect(wantsElectron(facts)).toBe(wanted);
  });
});

describe('windowProblem', () => {
  it.each([
    ['linux', {}, 1000, 'no display'],
    ['linux', { DISPLAY: '' }, 1000, 'no display'],
    ['linux', { DISPLAY: ':0' }, 0, 'not root'],
    ['linux', { DISPLAY: ':0' }, 1000, null],
    ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, 1000, null],
    ['darwin', {}, 501, null],
    ['win32', {}, null, null],
  ] as const)('%s %j as %s: %s', (platform, env, userId, problem) => {
    const found = windowProblem(platform, env, userId);
    if (problem === null) expect(found).toBeNull();
    else expect(found).toContain(problem);
  });
});

describe('needsBuild', () => {
  it.each([
    [null, 0, true],
    [100, 101, true],
    [100, 100, false],
    [100, 99, false],
  ])('built at %s, newest source at %s: %s', (builtAtMs, newestSourceMs, needed) => {
    expect(needsBuild(builtAtMs, newestSourceMs)).toBe(needed);
  });
});

describe('nodeProblem', () => {
  it.each(['18.20.0', '20.19.0', '22.17.9'])('%s is too old', (version) => {
    expect(nodeProblem(version)).toContain('npm start');
  });
  it.each(['22.18.0', '24.0.0', '26.1.0'])('%s will do', (version) => {
    expect(nodeProblem(version)).toBeNull();
  });
});
