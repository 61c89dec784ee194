import { DIAGRAM_LANGUAGE } from '../../components/markdown.ts';
import { renderBlocks } from '../markdown/parser.ts';
import { occurrences, textParts } from './text.ts';

/** A message as far as finding is concerned. */
export interface FindSource {
  id: string;
  role: 'user' | 'assistant';
  text: string;
}

/** The texts of a message's blocks, as they are when it is shown. The HTML is read in a document apart. */
function blockTexts({ role, text }: FindSource): string[] {
  if (role === 'user') return [text];
  const parser = new DOMParser();
  return renderBlocks(text).flatMap((block) => {
    if (block.kind === 'code') return block.language === DIAGRAM_LANGUAGE ? [] : [block.code];
    return textParts(parser.parseFromString(block.html, 'text/html').body).map((part) => part.text);
  });
}

const letters = (text: string): string => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '');

/** Whether reading the message could be worth it: most of a long chat need not be. */
function mayHold({ text }: FindSource, query: string): boolean {
  // Links and character references stand for other letters than theirs.
  return /[[&]/.test(text) || letters(text).includes(letters(query));
}

/** Counts in messages whether they are in the page or not. Each is read once. */
export class FindCounter {
  readonly #texts = new Map<string, { source: string; blocks: string[] }>();

  /** How often a query is in a message. */
  count(message: FindSource, query: string): number {
    const known = this.#texts.get(message.id);
    if (known?.source !== message.text && !mayHold(message, query)) return 0;
    const blocks = known?.source === message.text ? known.blocks : blockTexts(message);
    if (blocks !== known?.blocks) this.#texts.set(message.id, { source: message.text, blocks });
    return blocks.reduce((sum, block) => sum + occurrences(block, query).length, 0);
  }
}
