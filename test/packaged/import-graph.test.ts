import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { followImports } from '../../resources/packaging/import-graph.ts';

// What decides which packages lie in a package of the app.

const scratch: string[] = [];
afterEach(() => {
  for (const dir of scratch.splice(0)) rmSync(dir, { recursive: true, force: true });
});

function tree(files: Record<string, string | object>): string {
  const root = mkdtempSync(join(tmpdir(), 'leeward-graph-'));
  scratch.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), typeof text === 'string' ? text : JSON.stringify(text));
  }
  return root;
}

function follow(files: Record<string, string | object>, never: string[] = []) {
  const root = tree(files);
  const { files: reached, packages, missing } = followImports([join(root, 'main.js')], root, never);
  return {
    files: [...reached].map((file) => relative(root, file).split(sep).join('/')).sort(),
    packages: [...packages].sort(),
    missing,
  };
}

describe('followImports', () => {
  it.each([
    ["import a from 'a';"],
    ["import 'a';"],
    ["export * as default from 'a';"],
    ["const a = require('a');"],
    ["const a = await import('a');"],
    ['import {\n  b,\n} from "a";'],
  ])('sees %s', (text) => {
    const { packages } = follow({
      'main.js': text,
      'node_modules/a/package.json': { main: './lib' },
      'node_modules/a/lib/index.js': '',
    });
    expect(packages).toEqual(['node_modules/a']);
  });

  it('takes the files of both kinds of module, and of Node, not those of browsers and types', () => {
    const { files } = follow({
      'main.js': "import 'a/part/one'; import 'a';",
      'node_modules/a/package.json': {
        exports: {
          '.': {
            types: './a.d.ts',
            browser: './web.js',
            electron: './e.js',
            import: './a.mjs',
            require: './a.cjs',
          },
          './part/*': [{ node: './parts/*.js' }],
        },
        imports: { '#own': { node: './own.js', browser: './web.js' } },
      },
      'node_modules/a/a.mjs': "import '#own';",
      'node_modules/a/a.cjs': '',
      'node_modules/a/e.js': '',
      'node_modules/a/own.js': "import 'node:fs'; import './own.js';",
      'node_modules/a/parts/one.js': '',
      'node_modules/a/web.js': '',
      'node_modules/a/a.d.ts': '',
    });
    expect(files).toEqual([
      'main.js',
      'node_modules/a/a.cjs',
      'node_modules/a/a.mjs',
      'node_modules/a/e.js',
      'node_modules/a/own.js',
      'node_modules/a/parts/one.js',
    ]);
  });

  it('finds the nearest package of a name, as Node does', () => {
    const { packages } = follow({
      'main.js': "import '@s/a';",
      'node_modules/@s/a/package.json': { exports: './i.js' },
      'node_modules/@s/a/i.js': "import 'b';",
      'node_modules/@s/a/node_modules/b/package.json': {},
      'node_modules/@s/a/node_modules/b/index.js': "import 'c';",
      'node_modules/b/package.json': {},
      'node_modules/b/index.js': '',
      'node_modules/c/package.json': {},
      'node_modules/c/index.js': '',
    });
    expect(packages).toEqual(['node_modules/@s/a', 'node_modules/@s/a/node_modules/b', 'node_modules/c']);
  });

  it('says which imports of ours lead nowhere; those of others may be optional', () => {
    const { missing, packages } = follow(
      {
        'main.js': "import 'a'; import 'gone'; import './away.js'; import 'never/part';",
        'node_modules/a/package.json': {},
        'node_modules/a/index.js': "require('optional'); /** import('./types.d.ts') */",
      },
      ['never'],
    );
    expect(missing).toEqual(['main.js: gone', 'main.js: ./away.js']);
    expect(packages).toEqual(['node_modules/a']);
  });
});
