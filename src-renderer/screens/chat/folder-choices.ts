import type { FolderNode } from '../../state/history.svelte.ts';

/** Folders as options of a select, each with those that it is in before its name. Pure. */
export function folderChoices(nodes: readonly FolderNode[], before = ''): { value: string; label: string }[] {
  return nodes.flatMap(({ folder, children }) => [
    { value: folder.id, label: `${before}${folder.name}` },
    ...folderChoices(children, `${before}${folder.name} / `),
  ]);
}
