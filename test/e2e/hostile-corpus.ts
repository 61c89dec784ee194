import type { AppClient } from '../../src-main/contract/index.ts';
import { FIRED, xssCorpus, type Payload } from '../support/xss-corpus.ts';
import type { AppPage } from './app-page.ts';

/** Payloads of one kind, as a chat that is imported. */
const kinds = Map.groupBy(xssCorpus, ({ kind }) => kind);
export const kindTitle = (kind: string) => `All of ${kind}`;
export const corpusKinds: readonly string[] = [...kinds.keys()];

interface Node {
  id: string;
  parent: string | null;
  children: string[];
  message: object | null;
}

/** A chat as ChatGPT exports it; each text is said by both sides. */
function exportedChat(id: string, title: string, texts: readonly string[], createdAt: number): object {
  const root: Node = { id: `${id}-root`, parent: null, children: [], message: null };
  const nodes: Node[] = [root];
  for (const text of texts)
    for (const role of ['user', 'assistant']) {
      const above = nodes.at(-1) ?? root;
      const own = `${id}-${nodes.length}`;
      above.children.push(own);
      nodes.push({
        id: own,
        parent: above.id,
        children: [],
        message: {
          author: { role },
          content: { content_type: 'text', parts: [text] },
          metadata: { model_slug: text.slice(0, 100) },
          create_time: createdAt + nodes.length,
          recipient: 'all',
        },
      });
    }
  return {
    id,
    conversation_id: id,
    title,
    create_time: createdAt,
    update_time: createdAt + nodes.length,
    current_node: nodes.at(-1)?.id,
    mapping: Object.fromEntries(nodes.map((node) => [node.id, node])),
  };
}

/** One chat a kind with all its payloads, and one chat for each payload as its title. */
export async function importCorpus(client: AppClient): Promise<void> {
  const day = Date.UTC(2026, 0, 1) / 1_000;
  const texts = (payloads: readonly Payload[]) => payloads.map(({ text }) => text);
  const file = JSON.stringify([
    ...xssCorpus.map(({ text }, index) => exportedChat(`title-${index}`, text, [text], day + index)),
    ...[...kinds].map(([kind, payloads], index) =>
      exportedChat(`kind-${kind}`, kindTitle(kind), texts(payloads), day + 100_000 + index),
    ),
  ]);
  const { importId } = await client.transfer.beginImport({ sizeBytes: Buffer.byteLength(file) });
  await client.transfer.appendImport({ importId, text: file });
  const { chats } = await client.transfer.finishImport({ importId });
  if (chats !== xssCorpus.length + kinds.size) throw new Error(`${chats} chats came of the import`);
}

/** As many payloads as differ within so many characters. */
export function shortened(maxLength: number, count: number): string[] {
  const texts = xssCorpus.map(({ text }) => text.trim().slice(0, maxLength).trim());
  const different = new Map(texts.map((text) => [text.toLowerCase(), text]));
  different.delete('');
  return [...different.values()].slice(-count);
}

/** Shows all of what can be scrolled around these, from the beginning to the end. */
export async function scrollThrough(page: AppPage, part: 'Messages' | 'Conversations'): Promise<void> {
  await page.page.evaluate(async (label) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const named = document.querySelector(`[aria-label="${label}"]`);
    const inside = named ? [named, ...named.querySelectorAll('*')] : [];
    const around: Element[] = [];
    for (let at = named?.parentElement; at; at = at.parentElement) around.push(at);
    const area = [...inside, ...around].find(
      (element) =>
        element.scrollHeight > element.clientHeight + 1 &&
        /auto|scroll/.test(getComputedStyle(element).overflowY),
    );
    if (!area) return;
    for (let top = 0; top < area.scrollHeight; top += area.clientHeight) {
      area.scrollTop = top;
      await frame();
      await frame();
    }
  }, part);
}

/** What has run, and what stands in the page that could. Diagrams are drawn in frames, which are looked at too. */
export async function injected(page: AppPage): Promise<string[]> {
  const found: string[] = [];
  for (const frame of page.page.frames()) {
    const inFrame = await frame
      .evaluate((fired) => {
        const faults = fired in globalThis ? ['a script ran'] : [];
        for (const element of document.querySelectorAll('*'))
          for (const { name, value } of element.attributes) {
            const isAddress = ['href', 'src', 'xlink:href', 'action', 'formaction', 'data'].includes(name);
            if (name.startsWith('on') || name === 'srcdoc' || (isAddress && /^\s*(javascript|vbscript):/i.test(value)))
              faults.push(`${element.tagName} ${name}=${value.slice(0, 80)}`);
          }
        return faults;
      }, FIRED)
      // A frame may go while it is looked at.
      .catch(() => []);
    found.push(...inFrame);
  }
  return found;
} // prettier-ignore
