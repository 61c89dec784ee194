import type { AfterPackContext, FileSet } from 'electron-builder';
import { select } from './selection.ts';
import { AD_HOC, targetOf } from './target.ts';

/** The patterns as electron-builder.yml has them: one process may make packages for several systems. */
let fromFile: readonly string[] | null = null;

/** Hook of electron-builder: tells it what goes into the archive and what beside it. */
export default function beforePack(context: AfterPackContext): void {
  const { config, projectDir } = context.packager;
  const { packages, unpacked, leftOut } = select(projectDir, targetOf(context));
  fromFile ??= patternsOf(config.files);
  config.files = [
    { filter: [...fromFile, ...leftOut.map((path) => `!${path}`)] },
    // Each where npm has put it, so that what Node finds for a name is what it finds in development.
    ...packages.map(({ path, filter }) => ({ from: path, to: path, filter: [...filter] })),
  ];
  Object.assign(config, { asarUnpack: unpacked });
  // Apple Silicon runs nothing without a signature.
  if (!process.env['CSC_LINK'] && !process.env['CSC_NAME'])
    Object.assign(config.mac ?? {}, { identity: AD_HOC });
}

/** electron-builder has made one set of the strings in the file. */
function patternsOf(files: unknown): readonly string[] {
  const [own, ...others]: (string | FileSet)[] = Array.isArray(files) ? files : [];
  if (own === undefined || typeof own === 'string' || !Array.isArray(own.filter) || others.length > 0)
    throw new Error('files of electron-builder.yml is not one list of patterns.');
  return own.filter;
}
