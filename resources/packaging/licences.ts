import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { followImports } from './import-graph.ts';

/** The engine's binaries are built from llama.cpp and ggml, whose text no npm package carries. */
const LLAMA_CPP = `llama.cpp and ggml
MIT

MIT License

Copyright (c) 2023-2026 The ggml authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`;

const LINE = '\n────────────────────────────────────────────────────────────────────────────\n\n';

interface Manifest {
  name: string;
  version: string;
  license?: string;
}

/** Packages whose code the interface's build holds. */
export const rendererPackages = (root: string) =>
  [...followImports([join(root, 'src-renderer', 'main.ts')], root).packages].sort();

/** Name, version, licence and its text, of each package once. @param packages folders below the root */
export function notices(root: string, packages: readonly string[]): string {
  const entries = new Map<string, string>();
  for (const path of packages) {
    const dir = join(root, path);
    const { name, version, license } = JSON.parse(
      readFileSync(join(dir, 'package.json'), 'utf8'),
    ) as Manifest;
    const file = readdirSync(dir).find((each) => /^(?:licen[cs]e|copying)/i.test(each));
    const text = file === undefined ? '' : `\n${readFileSync(join(dir, file), 'utf8').trim()}\n`;
    entries.set(`${name} ${version}`, `${name} ${version}\n${license ?? 'see the text'}\n${text}`);
  }
  return [LLAMA_CPP, ...[...entries].sort(([a], [b]) => a.localeCompare(b)).map(([, entry]) => entry)].join(
    LINE,
  );
}

/** Puts our licence and those of what the package holds beside the app; Electron brings its own. */
export function writeLicences(root: string, resourcesDir: string, packages: readonly string[]): void {
  const dir = join(resourcesDir, 'licences');
  mkdirSync(dir, { recursive: true });
  copyFileSync(join(root, 'LICENSE'), join(dir, 'LEEWARD.txt'));
  copyFileSync(join(root, 'resources', 'licences', 'NODE.txt'), join(dir, 'NODE.txt'));
  const all = [...new Set([...packages, ...rendererPackages(root)])].filter((path) =>
    existsSync(join(root, path)),
  );
  writeFileSync(join(dir, 'THIRD-PARTY.txt'), notices(root, all));
}
