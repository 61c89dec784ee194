import { describe, expect, it } from 'vitest';
import { chooseHost, needsBuild, nodeProblem } from '../../src-main/launch-plan.ts';

describe('chooseHost', () => {
  const binary = '/app/node_modules/electron/dist/electron';
  it.each([
    [{ mode: 'start', electronBinary: binary, desktopBundle: true }, 'desktop', 'Electron is installed'],
    [{ mode: 'start', electronBinary: null, desktopBundle: true }, 'browser', 'Electron is not installed'],
    [{ mode: 'start', electronBinary: binary, desktopBundle: false }, 'browser', 'no desktop window'],
    [{ mode: 'start', electronBinary: null, desktopBundle: false }, 'browser', 'no desktop window'],
    [{ mode: 'serve', electronBinary: binary, desktopBundle: true }, 'browser', 'as asked'],
    [{ mode: 'serve', electronBinary: null, desktopBundle: false }, 'browser', 'as asked'],
  ] as const)('%j gives %s', (facts, host, why) => {
    const choice = chooseHost(facts);
    expect(choice.host).toBe(host);
    expect(choice.why).toContain(why);
    expect(choice.why).not.toContain('\n');
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
