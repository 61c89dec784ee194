/** Kept free for the answer: a short paragraph, or an eighth of a small context. */
const RESERVE_TOKENS = 512;
const RESERVE_SHARE = 1 / 8;
/**
 * Once something must go, this share of the context is made free at once: the start of the prompt then stays the
 * same for some turns, and what was read is reused.
 */
const FREED_SHARE = 1 / 4;

/** One part of a prompt, in order, with its share of the template's marks. */
export interface PromptPart {
  /** The message's id; null for the system prompt and for a draft. */
  readonly id: string | null;
  readonly role: 'system' | 'user' | 'assistant';
  readonly tokens: number;
  readonly pinned: boolean;
  /** It was not sent with the answer before. */
  readonly wasLeftOut: boolean;
}

export interface ContextPlan {
  /** Places of `parts` that are sent, in order. */
  readonly kept: readonly number[];
  /** Places that are not. */
  readonly dropped: readonly number[];
  /** Sum of what is kept. */
  readonly tokens: number;
  /** What is kept and the reserve fit. False only when nothing more may go. */
  readonly fits: boolean;
  /** Something is dropped that was sent until now. */
  readonly asks: boolean;
}

/** Tokens that are kept free for the answer. @param maxTokens most tokens that the answer may have */
export function reserveFor(contextSize: number, maxTokens: number | null): number {
  const reserve = Math.min(RESERVE_TOKENS, Math.floor(contextSize * RESERVE_SHARE));
  return Math.max(1, Math.min(reserve, maxTokens ?? reserve));
}

interface Exchange {
  readonly places: number[];
  readonly tokens: number;
  readonly mustStay: boolean;
  readonly wasLeftOut: boolean;
}

/**
 * Decides what of a chat is sent when not everything fits. Whole exchanges go, a question with its answers, the
 * oldest first. The system prompt, exchanges with a pinned message and the newest one stay. What was left out
 * before stays out as long as the whole does not fit.
 * @param parts the prompt in order
 * @param contextSize tokens
 * @param reserve tokens kept free for the answer
 */
export function planContext(parts: readonly PromptPart[], contextSize: number, reserve: number): ContextPlan {
  const room = contextSize - reserve;
  const exchanges = exchangesOf(parts);
  const whole = sum(exchanges);
  const dropped = new Set<Exchange>();
  const left = () => whole - sum([...dropped]);
  let asks = false;
  if (whole > room) {
    for (const exchange of exchanges) if (exchange.wasLeftOut) dropped.add(exchange);
    if (left() > room) {
      const rest = exchanges.filter((exchange) => !exchange.mustStay && !dropped.has(exchange));
      asks = rest.length > 0;
      const target = room - Math.floor(contextSize * FREED_SHARE);
      for (const exchange of enough(rest, left(), target, room)) dropped.add(exchange);
    }
  }
  const gone = new Set([...dropped].flatMap(({ places }) => places));
  const tokens = left();
  return {
    kept: [...parts.keys()].filter((place) => !gone.has(place)),
    dropped: [...gone].sort((a, b) => a - b),
    tokens,
    fits: tokens <= room,
    asks,
  };
}

/** The oldest that must go to come down to `target`; where that cannot be, to come down to `room`. */
function enough(rest: readonly Exchange[], tokens: number, target: number, room: number): Exchange[] {
  for (const limit of [target, room]) {
    let left = tokens;
    let count = 0;
    while (count < rest.length && left > limit) left -= rest[count++]?.tokens ?? 0;
    if (left <= limit) return rest.slice(0, count);
  }
  return [...rest];
}

function exchangesOf(parts: readonly PromptPart[]): Exchange[] {
  const groups: number[][] = [];
  let previous: PromptPart['role'] | null = null;
  for (const [place, { role }] of parts.entries()) {
    const last = groups.at(-1);
    const opens = role === 'system' || previous === 'system' || (role === 'user' && previous === 'assistant');
    if (last && !opens) last.push(place);
    else groups.push([place]);
    previous = role;
  }
  return groups.map((places, index) => {
    const own = places.flatMap((place) => parts[place] ?? []);
    const mustStay = index === groups.length - 1 || own.some((part) => part.pinned || part.role === 'system');
    return {
      places,
      tokens: own.reduce((total, part) => total + part.tokens, 0),
      mustStay,
      wasLeftOut: !mustStay && own.every((part) => part.wasLeftOut),
    };
  });
}

function sum(exchanges: readonly Exchange[]): number {
  return exchanges.reduce((total, { tokens }) => total + tokens, 0);
}
