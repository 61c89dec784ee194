/** What a person does next; each ends with an answer. */
export interface Turn {
  /**
   * `switch`: a follow-up in another chat than the one before. `edit`: of the last question. `restart`: of the app,
   * then a follow-up.
   */
  kind: 'new' | 'follow-up' | 'edit' | 'regenerate' | 'switch' | 'restart';
  chat: number;
  /** Of the message. */
  words: number;
}

const turn = (kind: Turn['kind'], chat: number, words = 40): Turn => ({ kind, chat, words });

/** A day with six chats, one of which began with a long text. */
export const SESSION: readonly Turn[] = [
  turn('new', 0, 400),
  turn('follow-up', 0),
  turn('regenerate', 0),
  turn('follow-up', 0),
  turn('edit', 0),
  turn('new', 1, 150),
  turn('follow-up', 1),
  turn('follow-up', 1),
  turn('switch', 0),
  turn('follow-up', 0),
  turn('new', 2, 600),
  turn('follow-up', 2),
  turn('edit', 2),
  turn('regenerate', 2),
  turn('switch', 1),
  turn('follow-up', 1),
  turn('switch', 2),
  turn('follow-up', 2),
  turn('restart', 2),
  turn('follow-up', 2),
  turn('switch', 0),
  turn('regenerate', 0),
  turn('new', 3, 80),
  turn('follow-up', 3),
  turn('edit', 3),
  turn('follow-up', 3),
  turn('switch', 1),
  turn('new', 4, 250),
  turn('follow-up', 4),
  turn('follow-up', 4),
  turn('regenerate', 4),
  turn('switch', 2),
  turn('follow-up', 2),
  turn('restart', 2),
  turn('switch', 0),
  turn('follow-up', 0),
  turn('new', 5, 120),
  turn('follow-up', 5),
  turn('edit', 5),
  turn('switch', 4),
];
