import type { Migration } from '../migrate.ts';
import { initial } from './0010-initial.ts';
import { modelProvenance } from './0020-model-provenance.ts';
import { modelFolders } from './0030-model-folders.ts';
import { adapters } from './0040-adapters.ts';
import { history } from './0050-history.ts';
import { tree } from './0060-tree.ts';
import { presets } from './0070-presets.ts';
import { attachments } from './0080-attachments.ts';
import { imports } from './0090-imports.ts';
import { fileParts } from './0100-file-parts.ts';
import { deletedChats } from './0120-deleted-chats.ts';
import { turnEdits } from './0130-turn-edits.ts';
import { generationSamples } from './0200-generation-samples.ts';
import { lab } from './0220-lab.ts';
import { tuning } from './0230-tuning.ts';
import { reuse } from './0240-reuse.ts';
import { liveChats } from './0250-live-chats.ts';
import { drafts } from './0260-drafts.ts';

/** Every schema change, oldest first. Append only, in steps of ten; a released migration is never edited. */
export const migrations: readonly Migration[] = [
  initial,
  modelProvenance,
  modelFolders,
  adapters,
  history,
  tree,
  presets,
  attachments,
  imports,
  fileParts,
  deletedChats,
  turnEdits,
  generationSamples,
  lab,
  tuning,
  reuse,
  liveChats,
  drafts,
];
