import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  version?: string;
  integrity?: string;
  optional?: boolean;
  hasInstallScript?: boolean;
}

const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const lock = read('package-lock.json') as { packages: Record<string, LockedPackage> };
const project = read('package.json') as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
};
const engine = read('node_modules/node-llama-cpp/package.json') as {
  version: string;
  optionalDependencies: Record<string, string>;
};

describe('package-lock.json', () => {
  it.each(Object.entries(engine.optionalDependencies))(
    'lists the engine binary %s with its hash, so that no platform is left without one',
    (name, version) => {
      const entry = lock.packages[`node_modules/${name}`];
      expect(entry?.version).toBe(version);
      expect(entry?.integrity).toMatch(/^sha512-/);
    },
  );

  it('pins every direct dependency to one exact version', () => {
    const all = { ...project.dependencies, ...project.devDependencies, ...project.optionalDependencies };
    for (const [name, version] of Object.entries(all)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
      expect(lock.packages[`node_modules/${name}`]?.version, name).toBe(version);
    }
  });

  it('lists a Node for every platform of the app', () => {
    for (const name of Object.keys(project.optionalDependencies)) {
      expect(lock.packages[`node_modules/${name}`]?.integrity, name).toMatch(/^sha512-/);
    }
  });

  it('needs no install script: what has one is refused by name, and the project runs none', () => {
    const withScript = Object.entries(lock.packages)
      .filter(([, entry]) => entry.hasInstallScript)
      .map(([path]) => path.replace(/^.*node_modules\//, ''));
    for (const name of withScript) expect(project.allowScripts[name], name).toBe(false);
    expect(readFileSync('.npmrc', 'utf8')).toMatch(/^ignore-scripts=true$/m);
  });
});
