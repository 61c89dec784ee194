import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AppClient, Model } from '../../src-main/contract/index.ts';
import { migrations } from '../../src-main/store/migrations/index.ts';
import { closeDatabase, openDatabase } from '../../src-main/store/database.ts';
import { run } from '../../src-main/store/sql.ts';
import { startApp, type AppProcess } from '../support/app-process.ts';
import { plainScript, writeScriptedModel } from '../support/gguf/scripted-model.ts';
import { startLaunched } from '../support/serve-process.ts';
import { Texts } from './history/texts.ts';

export interface AppFolders {
  root: string;
  dataDir: string;
  modelsDir: string;
}

/** A folder of its own for an app, with the half-megabyte model that says a script; deleted by `cleared`. */
export async function freshFolders(benchFolder: string, name: string): Promise<AppFolders> {
  const root = join(benchFolder, `${name}-${process.pid}`);
  rmSync(root, { recursive: true, force: true });
  const folders = { root, dataDir: join(root, 'data'), modelsDir: join(root, 'models') };
  mkdirSync(folders.modelsDir, { recursive: true });
  await writeScriptedModel(join(folders.modelsDir, 'scripted.gguf'), { script: plainScript });
  return folders;
}

/** Builds what is older than its sources: a figure of an old build says nothing. */
export async function ensureBuilt({ dataDir, modelsDir }: AppFolders): Promise<void> {
  const serve = startLaunched(['--port', '0', '--data-dir', dataDir, '--models-dir', modelsDir]);
  await serve.ready;
  serve.child.kill('SIGTERM');
  await serve.exit;
}

/** The app as it ships, in serve mode. */
export const startBuilt = (folders: AppFolders): Promise<AppProcess> => startApp(folders);

/** Loads the scripted model and resolves when it can answer; the library gets it where it has none. */
export async function loadModel(client: AppClient): Promise<Model> {
  let [model] = await client.models.list();
  if (!model) {
    const [file] = await client.models.files();
    if (!file) throw new Error('no model file');
    model = await client.models.add({ fileId: file.fileId });
  }
  await client.models.load({ id: model.id, retryAfterCrash: false });
  return model;
}

const SEED = 23;
const AT = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

/** Writes chats with questions and answers in turn, through the app's own migrations. @returns their ids */
export function writeChats(dataDir: string, chats: number, messagesEach: number): string[] {
  if (existsSync(join(dataDir, 'leeward.db'))) throw new Error('the data folder is not empty');
  const { db } = openDatabase(dataDir, migrations);
  const texts = new Texts(SEED);
  const ids: string[] = [];
  for (let chat = 0; chat < chats; chat++) {
    const id = crypto.randomUUID();
    ids.push(id);
    const at = AT + chat * MINUTE_MS;
    const title = texts.words('english', 4);
    run(
      db,
      `INSERT INTO conversations (id, title, title_source, created_at, updated_at)
        VALUES (@id, @title, 'auto', @at, @at)`,
      { id, title, at },
    );
    let parentId: string | null = null;
    for (let i = 0; i < messagesEach; i++) {
      const isUser = i % 2 === 0;
      const own = {
        id: crypto.randomUUID(),
        role: isUser ? 'user' : 'assistant',
        text: isUser ? texts.words('english', 16) : texts.answer('english', 80),
      };
      run(
        db,
        `INSERT INTO messages (id, conversation_id, parent_id, role, text, status, created_at, ended_at)
          VALUES (@id, @conversationId, @parentId, @role, @text, 'complete', @at, @at)`,
        { ...own, conversationId: id, parentId, at },
      );
      parentId = own.id;
    }
    run(db, 'UPDATE conversations SET active_leaf_id = @parentId WHERE id = @id', { parentId, id });
  }
  closeDatabase(db);
  return ids;
}
