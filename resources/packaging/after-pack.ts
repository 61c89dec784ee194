import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AfterPackContext } from 'electron-builder';
import { contentsTable, listContents, problemsOf } from './contents.ts';
import { writeLicences } from './licences.ts';
import { copyNode } from './node-copy.ts';
import { select } from './selection.ts';
import { targetOf } from './target.ts';

/**
 * Hook of electron-builder, before fuses and signatures: puts the engine's Node and the licences beside the app,
 * writes the list of contents with sizes next to the package, and fails the build when something is missing,
 * needless or too large.
 */
export default async function afterPack(context: AfterPackContext): Promise<void> {
  const target = targetOf(context);
  const { projectDir } = context.packager;
  const resourcesDir = context.packager.getResourcesDir(context.appOutDir);
  await copyNode(projectDir, resourcesDir, target);
  const { packages, needed } = select(projectDir, target);
  writeLicences(
    projectDir,
    resourcesDir,
    packages.map(({ path }) => path),
  );
  const contents = listContents(resourcesDir);
  const name = `contents-${target.platform}-${target.arch}${target.cuda ? '-cuda' : ''}.json`;
  writeFileSync(join(context.outDir, name), `${JSON.stringify(contents, null, 2)}\n`);
  console.log(contentsTable(contents));
  const problems = problemsOf(contents, resourcesDir, target, needed);
  if (problems.length > 0) throw new Error(`The package is not right:\n${problems.join('\n')}`);
}
