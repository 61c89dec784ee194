import { Marked } from 'marked';
import type { Attachment, QueuedMessage } from '../../contract/index.ts';
import type {
  StoredConversation,
  StoredFile,
  StoredFolder,
  StoredMessage,
  StoredTag,
} from '../../store/api.ts';
import { partsText, withFiles } from '../attached.ts';
import { branchTo } from './path.ts';

/** A chat as the store gives it. */
export interface WholeChat {
  conversation: StoredConversation;
  messages: StoredMessage[];
  files: StoredFile[];
  queue: QueuedMessage[];
  /** Of what waits; `messageId` says of which. */
  queueFiles: StoredFile[];
}

/** Longest name of a file, without its ending: what every file system takes, also in scripts of three bytes. */
const MAX_NAME_LENGTH = 80;
const RESERVED = /^(?:con|prn|aux|nul|com\d|lpt\d)$/iu;

/** A name for a file that every system takes. Pure. */
export function fileNameOf(title: string): string {
  const plain = title
    // eslint-disable-next-line no-control-regex -- these are what no file name may hold
    .replaceAll(/[\u0000-\u001f\u007f<>:"/\\|?*\u202a-\u202e\u2066-\u2069]/gu, ' ')
    .replaceAll(/\s+/gu, ' ')
    .trim();
  const cut = [...plain]
    .slice(0, MAX_NAME_LENGTH)
    .join('')
    .replaceAll(/^[. ]+|[. ]+$/gu, '');
  if (cut === '') return 'chat';
  return RESERVED.test(cut) ? `${cut}-chat` : cut;
}

const who = (message: StoredMessage) =>
  message.role === 'user' ? 'You' : [message.modelName ?? 'Model', message.quant].filter(Boolean).join(' ');
const dateOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** A fence that is longer than any inside the text. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/gu)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

function notesOf(message: StoredMessage): string {
  if (message.status === 'complete' || message.role === 'user') return '';
  return ` · ${message.status === 'streaming' ? 'interrupted' : message.status}`;
}

/** What of a file went with its message, where that was not all. */
const partsNote = ({ pages, parts }: Attachment) =>
  parts === null ? '' : ` (${partsText(pages !== null, parts)})`;

/** The branch on screen as Markdown, for a person. Pure. */
export function toMarkdown({ conversation, messages }: WholeChat): string {
  const { title, settings, createdAt, activeLeafId } = conversation;
  const parts = [`# ${title.replaceAll('\n', ' ')}`, dateOf(createdAt)];
  if (settings.systemPrompt.trim() !== '') parts.push('## System prompt', fenced(settings.systemPrompt));
  for (const message of branchTo(messages, activeLeafId)) {
    parts.push(`## ${who(message)}, ${dateOf(message.createdAt)}${notesOf(message)}`);
    if (message.reasoning !== '') parts.push('### Thoughts', fenced(message.reasoning));
    for (const file of message.attachments)
      parts.push(`Attached: ${file.name.replaceAll('\n', ' ')}${partsNote(file)}`);
    if (message.text !== '') parts.push(message.text);
  }
  return `${parts.join('\n\n')}\n`;
}

const escaped = (text: string) =>
  text.replaceAll(
    /[&<>"']/gu,
    (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[sign] ?? '',
  );

/** No script, no style, no picture and no address of the text is taken: HTML in an answer shows as text. */
const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => escaped(text),
    link({ href, tokens }) {
      const text = this.parser.parseInline(tokens);
      return /^https?:\/\//iu.test(href)
        ? `<a href="${escaped(href)}" rel="noreferrer noopener">${text}</a>`
        : text;
    },
    image: ({ href, text }) => escaped(text === '' ? href : `${text} (${href})`),
  },
});

const STYLE = `body{font:15px/1.6 system-ui,sans-serif;margin:2rem auto;max-width:760px;padding:0 1rem;color:#23201c;background:#fbfaf8}
h1{font-size:1.5rem}h2{font-size:.9rem;margin:2rem 0 .5rem;color:#524d45}section{border-top:1px solid #d2ccc1;margin-top:3rem}
.you{background:#f0ede7;border-radius:8px;padding:.75rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere}
pre{background:#f6f4f0;border:1px solid #e3dfd7;border-radius:8px;padding:.75rem 1rem;overflow-x:auto}code{font-family:ui-monospace,monospace;font-size:.9em}
table{border-collapse:collapse}td,th{border-bottom:1px solid #d2ccc1;padding:.3rem .75rem}details{color:#524d45}
@media(prefers-color-scheme:dark){body{color:#ebe8e2;background:#1e1d1a}h2,details{color:#bbb5aa}.you{background:#2a2825}pre{background:#171614;border-color:#2d2b27}section,td,th{border-color:#3c3934}a{color:#72c4be}}`;

/** Begin and end of the page that {@link toHtml} fills. */
export const HTML_HEAD = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Chats</title>
<style>${STYLE}</style>
</head>
<body>
`;
export const HTML_TAIL = '</body>\n</html>\n';

/** One chat as a part of a page: nothing in it runs or loads. Pure. */
export function toHtml({ conversation, messages }: WholeChat): string {
  const { title, settings, createdAt, activeLeafId } = conversation;
  const lines = ['<section dir="auto">', `<h1>${escaped(title)}</h1>`, `<p>${dateOf(createdAt)}</p>`];
  if (settings.systemPrompt.trim() !== '')
    lines.push(`<h2>System prompt</h2>`, `<div class="you">${escaped(settings.systemPrompt)}</div>`);
  for (const message of branchTo(messages, activeLeafId)) {
    lines.push(`<h2>${escaped(who(message))}, ${dateOf(message.createdAt)}${notesOf(message)}</h2>`);
    if (message.reasoning !== '')
      lines.push(`<details><summary>Thoughts</summary><pre>${escaped(message.reasoning)}</pre></details>`);
    for (const file of message.attachments)
      lines.push(`<p>Attached: ${escaped(file.name)}${partsNote(file)}</p>`);
    if (message.role === 'user') lines.push(`<div class="you" dir="auto">${escaped(message.text)}</div>`);
    else lines.push(`<div dir="auto">${marked.parse(message.text, { async: false })}</div>`);
  }
  return `${lines.join('\n')}\n</section>\n`;
}

/** Version of the format that is written; a file of a higher one is refused. */
export const JSON_VERSION = 1;

/** Begin of the file of {@link toJson}; what folders and tags the chats are in comes first. Pure. */
export function jsonHead(folders: readonly StoredFolder[], tags: readonly StoredTag[]): string {
  const list = (rows: readonly object[]) => rows.map((row) => `\n${JSON.stringify(row)}`).join(',');
  return [
    `{"format":"leeward-chats","version":${JSON_VERSION},`,
    `"folders":[${list(folders)}],`,
    `"tags":[${list(tags.map(({ id, name }) => ({ id, name })))}],`,
    '"conversations":[',
  ].join('\n');
}
export const JSON_TAIL = '\n]}\n';

/** One chat, everything of it, on one line. The same chat gives the same bytes: keys are in a fixed order. Pure. */
export function toJson({ conversation, messages, files, queue, queueFiles }: WholeChat): string {
  const { id, title, titleSource, createdAt, updatedAt, folderId, tags, pinnedAt, archivedAt } = conversation;
  const { activeLeafId, settings, draft } = conversation;
  return JSON.stringify({
    ...{ id, title, titleSource, createdAt, updatedAt, folderId, tags, pinnedAt, archivedAt },
    ...{ activeLeafId, settings, draft },
    queue: withFiles(queue, queueFiles).map(({ files: own, ...entry }) =>
      sortedKeys({ ...entry, attachments: own }),
    ),
    messages: withFiles(messages, files).map(({ conversationId: _, files: own, ...message }) =>
      sortedKeys({ ...message, attachments: own }),
    ),
  });
}

/** Keys of objects in the order of their names: what a message is built from may change, its bytes may not. */
function sortedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, part]) => [key, sortedKeys(part)]));
}
