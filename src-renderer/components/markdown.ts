/** Texts of a code block. */
export interface CodeLabels {
  /** Stands in the head when the source named no language, for example "Text". */
  plain: string;
  copy: string;
  copied: string;
  /** Name of the switch that breaks long lines. */
  wrap: string;
}

/** Texts of rendered Markdown. */
export interface MarkdownLabels extends CodeLabels {
  /** Name of a table that scrolls sideways. */
  table: string;
}
