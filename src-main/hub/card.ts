import * as v from 'valibot';
import { HubBaseModel, HubRepo } from '../contract/index.ts';
import { cleanText, shorten } from '../models/model-text.ts';

type BaseModel = v.InferOutput<typeof HubBaseModel>;

/** More is a document, not a description; the page itself is one click away. */
const MAX_DESCRIPTION_LENGTH = 20_000;
const MAX_LICENCE_LENGTH = 100;
/** A merge names two or three. */
const MAX_PARENTS = 5;

/** What repositories say of themselves: tags, and the front matter of the card as the hub parsed it. */
export interface Card {
  tags: readonly string[];
  cardData: Readonly<Record<string, unknown>>;
}

/** The hub's identifier of the licence; the name that the card gives an own one; null when it states none. */
export function licenceOf({ tags, cardData }: Card): string | null {
  const tag = tags.find((candidate) => candidate.startsWith('license:'))?.slice('license:'.length);
  const stated = textOf(cardData['license']) ?? tag ?? null;
  const best = stated === null || stated === 'other' ? (textOf(cardData['license_name']) ?? stated) : stated;
  return best === null ? null : shorten(cleanText(best), MAX_LICENCE_LENGTH) || null;
}

/** The models that this one was made from, and how, in the card's order. */
export function parentsOf({ tags, cardData }: Card): BaseModel[] {
  const relations = new Map<string, string>();
  const named = [cardData['base_model']].flat().flatMap((repo) => textOf(repo) ?? []);
  for (const tag of tags) {
    const [, relation, repo] = /^base_model:(?:(quantized|finetune|adapter|merge):)?(.+)$/u.exec(tag) ?? [];
    if (repo === undefined) continue;
    named.push(repo);
    if (relation !== undefined) relations.set(repo, relation);
  }
  const repos = [...new Set(named)].filter((repo) => v.is(HubRepo, repo)).slice(0, MAX_PARENTS);
  return repos.map((repo) => {
    const relation = relations.get(repo) ?? textOf(cardData['base_model_relation']);
    const base = { repo, relation };
    return v.is(HubBaseModel, base) ? base : { repo, relation: null };
  });
}

/** The card's Markdown without its front matter, cut at the end of a line. */
export function descriptionOf(readme: string): string {
  const body = readme
    .replaceAll('\r\n', '\n')
    .replace(/^\uFEFF?\s*---\n[\s\S]*?\n---[ \t]*(?:\n|$)/u, '')
    .trim();
  if (body.length <= MAX_DESCRIPTION_LENGTH) return body;
  const cut = body.slice(0, MAX_DESCRIPTION_LENGTH);
  return `${cut.slice(0, Math.max(cut.lastIndexOf('\n'), 0)) || cut}\n\n…`;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}
