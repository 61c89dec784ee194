import * as v from 'valibot';
import type { LeaveOut } from './imported.ts';

// What the readers of other programs' files share.

/** A text that may be missing. */
export const Text = v.optional(v.nullable(v.string()), null);
/** A number that may be missing: of seconds, or of milliseconds. */
export const Seconds = v.optional(v.nullable(v.number()), null);
/** Parts of a message, of kinds that only their program knows. */
export const Parts = v.optional(v.nullable(v.array(v.record(v.string(), v.unknown()))), null);

/** Numbers above this are milliseconds: as seconds they would be the year 5138. */
const MAX_SECONDS = 1e11;
/** The last moment that a Date can hold, ms. */
const MAX_MS = 8.64e15;

/** Seconds or milliseconds since 1970 as milliseconds; null when there is no such moment. Pure. */
export function ms(time: number | null): number | null {
  if (time === null || !(time > 0)) return null;
  const rounded = Math.round(time > MAX_SECONDS ? time : time * 1000);
  return rounded <= MAX_MS ? rounded : null;
}

/** An ISO 8601 date as milliseconds since 1970; null when it is none. Pure. */
export function msOfIso(text: string | null): number | null {
  const parsed = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(parsed) || parsed < 0 ? null : parsed;
}

/**
 * Nodes with parents before their children. Pure but for `leaveOut`.
 * @param leaveOut is told of each node in a cycle, or below one: where it belongs cannot be known
 */
export function inOrder<T extends { parent: string | null }>(
  nodes: ReadonlyMap<string, T>,
  leaveOut: LeaveOut,
): [string, T][] {
  const children = new Map<string | null, string[]>();
  for (const [id, { parent }] of nodes) {
    const key = parent !== null && nodes.has(parent) ? parent : null;
    const siblings = children.get(key);
    if (siblings) siblings.push(id);
    else children.set(key, [id]);
  }
  const ordered: [string, T][] = [];
  const waiting = (children.get(null) ?? []).toReversed();
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const node = nodes.get(id);
    if (node) ordered.push([id, node]);
    waiting.push(...(children.get(id) ?? []).toReversed());
  }
  for (let lost = nodes.size - ordered.length; lost > 0; lost -= 1) leaveOut('damaged');
  return ordered;
}

const THOUGHT = /^\s*<think>([\s\S]*?)<\/think>\s*/u;

/** Thoughts that stand in their marks at the start of an answer, apart from it. Pure. */
export function splitThought(text: string): { text: string; reasoning: string } {
  const found = THOUGHT.exec(text);
  return found
    ? { text: text.slice(found[0].length), reasoning: (found[1] ?? '').trim() }
    : { text, reasoning: '' };
}

/** The name of a file without its folders. Pure. */
export const baseNameOf = (fileName: string): string => fileName.split(/[\\/]/u).at(-1) ?? '';
/** The folders of a file, '' when it has none. Pure. */
export const folderOf = (fileName: string): string => fileName.replace(/[\\/]?[^\\/]*$/u, '');
