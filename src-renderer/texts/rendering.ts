import { catalogue } from './catalogue.ts';

/** What stands around code, diagrams, tables and formulas of an answer, and finding in a chat. */
export const renderingTexts = catalogue({
  code: {
    copy: 'Copy',
    copied: 'Copied',
    wrap: 'Wrap lines',
    plain: 'Text',
    table: 'Table',
    save: 'Save as a file',
    showAll: (lines: string) => `Show all ${lines} lines`,
    showLess: 'Show fewer lines',
    formula: 'Formula',
    diagram: 'Diagram',
    source: 'Source',
    diagramFailed: 'This diagram could not be drawn',
  },
  find: {
    region: 'Find in this chat',
    field: 'Find in this chat',
    count: (place: string, all: string) => `${place} of ${all}`,
    none: 'Nothing found',
    searching: 'Searching',
    previous: 'Previous match',
    next: 'Next match',
    close: 'Close',
  },
});
