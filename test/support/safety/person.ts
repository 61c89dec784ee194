import { randomUUID } from 'node:crypto';
import type { AppClient } from '../../../src-main/contract/index.ts';
import type { Witness } from './witness.ts';

/** Chats of one import file, and questions in each. */
const IMPORTED_CHATS = 40;
const IMPORTED_QUESTIONS = 8;
const IMPORT_PIECES = 12;

type Sent = Awaited<ReturnType<AppClient['conversations']['send']>>;

/** Chats in the form of ChatGPT's data export; test/support/imports names where the form is described. */
function importFile(): { text: string; questions: string[] } {
  const questions: string[] = [];
  const chats = Array.from({ length: IMPORTED_CHATS }, () => {
    const mapping: Record<string, object> = {
      root: { id: 'root', parent: null, children: ['q0'], message: null },
    };
    const turn = (role: string, text: string) => ({
      id: randomUUID(),
      author: { role },
      content: { content_type: 'text', parts: [text] },
      create_time: 1_712_345_680,
      recipient: 'all',
      metadata: {},
    });
    for (let index = 0; index < IMPORTED_QUESTIONS; index += 1) {
      const question = `imported ${randomUUID()}`;
      questions.push(question);
      const parent = index === 0 ? 'root' : `a${index - 1}`;
      const next = index === IMPORTED_QUESTIONS - 1 ? [] : [`q${index + 1}`];
      mapping[`q${index}`] = {
        id: `q${index}`,
        parent,
        children: [`a${index}`],
        message: turn('user', question),
      };
      const answer = turn('assistant', 'From another app. '.repeat(20));
      mapping[`a${index}`] = { id: `a${index}`, parent: `q${index}`, children: next, message: answer };
    }
    const id = randomUUID();
    const times = { create_time: 1_712_345_678, update_time: 1_712_345_999 };
    return {
      title: 'Imported',
      ...times,
      id,
      conversation_id: id,
      current_node: `a${IMPORTED_QUESTIONS - 1}`,
      mapping,
    };
  });
  return { text: JSON.stringify(chats), questions };
}

/** Someone at a client of the app: whatever is acknowledged is in the witness. */
export class Person {
  readonly #client: AppClient;
  readonly #witness: Witness;
  readonly #modelId: string;

  constructor(client: AppClient, witness: Witness, modelId: string) {
    this.#client = client;
    this.#witness = witness;
    this.#modelId = modelId;
  }

  /** Asks in a new chat. */
  send(): Promise<Sent> {
    const text = `question ${randomUUID()}`;
    return this.#witness.saving([text], () =>
      this.#client.conversations.send({
        requestId: randomUUID(),
        conversationId: null,
        parentId: null,
        text,
        modelId: this.#modelId,
      }),
    );
  }

  /** A new version of a question, with or without an answer to it. */
  async edit(messageId: string, withAnswer: boolean): Promise<void> {
    const text = `edited ${randomUUID()}`;
    const input = { requestId: randomUUID(), messageId, text };
    await this.#witness.saving([text], async () => {
      if (withAnswer) await this.#client.tree.editQuestion(input);
      else await this.#client.tree.saveVersion(input);
    });
  }

  /** A whole file of chats: all of them are there at the end, or none. */
  async import(): Promise<void> {
    const { text, questions } = importFile();
    await this.#witness.saving(questions, async () => {
      const { importId } = await this.#client.transfer.beginImport({ sizeBytes: text.length });
      const length = Math.ceil(text.length / IMPORT_PIECES);
      for (let at = 0; at < text.length; at += length) {
        await this.#client.transfer.appendImport({ importId, text: text.slice(at, at + length) });
      }
      await this.#client.transfer.finishImport({ importId });
    });
  }

  async backUp(): Promise<void> {
    await this.#client.backups.make();
  }

  /** @returns restores a backup of what is there now, over what is written after it. @throws as `make` */
  async prepareRestore(messageId: string): Promise<() => Promise<void>> {
    await this.backUp();
    const held = new Set(this.#witness.saved);
    const [newest] = await this.#client.backups.list();
    if (newest === undefined) throw new Error('the backup is not in the list');
    await this.edit(messageId, false);
    return async () => {
      this.#witness.restoring = held;
      await this.#client.backups.restore({ id: newest.id });
      this.#witness.saved = held;
      this.#witness.restoring = null;
    };
  }
}
