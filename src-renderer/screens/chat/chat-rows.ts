/** What a row of the sidebar shows, whatever list it stands in. */
export interface ChatRow {
  readonly id: string;
  readonly title: string;
  readonly answering: boolean;
}

export interface RowState {
  /** The chat on screen. */
  current: boolean;
  unread: boolean;
  pinned: boolean;
  renaming: boolean;
  /** Boxes to tick are shown. */
  selecting: boolean;
  ticked: boolean;
  /** The one row that Tab reaches. */
  stop: boolean;
  /** Under the pointer or with the focus: its menu button is there. */
  hot: boolean;
}

/** The place of each row by its id. */
export function placesOf(rows: readonly ChatRow[]): ReadonlyMap<string, number> {
  return new Map(rows.map(({ id }, index) => [id, index]));
}
