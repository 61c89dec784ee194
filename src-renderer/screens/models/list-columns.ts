/** One column of a list of models. */
export interface ListColumn {
  readonly key: string;
  readonly label: string;
  /** Any CSS width; the first column has none. */
  readonly width?: string;
  /** Where the whole width of the page is the table's. */
  readonly wideWidth?: string;
  readonly isFigure?: boolean;
  /** Its cells hold tags, which are inset. */
  readonly isTagged?: boolean;
  /** Named for assistive technology alone. */
  readonly isHidden?: boolean;
  /** Left out in narrow places, this one first, second or last. Its cells have the same class. */
  readonly drop?: 'drop-first' | 'drop-second' | 'drop-last';
}
