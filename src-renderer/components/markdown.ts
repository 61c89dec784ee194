/** Code in this language is drawn. */
export const DIAGRAM_LANGUAGE = 'mermaid';

/** Texts of a code block. */
export interface CodeLabels {
  /** Stands in the head when the source named no language, for example "Text". */
  plain: string;
  copy: string;
  copied: string;
  /** Name of the switch that breaks long lines. */
  wrap: string;
  save: string;
  /** @param lines how many there are */
  showAll: (lines: string) => string;
  showLess: string;
}

/** Texts of a diagram and its source. */
export interface DiagramLabels extends CodeLabels {
  diagram: string;
  source: string;
  diagramFailed: string;
}

/** Texts of rendered Markdown. */
export interface MarkdownLabels extends DiagramLabels {
  /** Name of a table that scrolls sideways. */
  table: string;
  /** Name of a formula that scrolls sideways. */
  formula: string;
}
