import { describe, expect, it } from 'vitest';
import { contextMenuTemplate, type MenuPlace } from '../../src-main/electron/menu-template.ts';

const nowhere: MenuPlace = {
  isEditable: false,
  selectionText: '',
  misspelledWord: '',
  dictionarySuggestions: [],
  editFlags: { canCut: false, canCopy: false, canPaste: false, canSelectAll: true },
};
const rolesOf = (place: MenuPlace) =>
  contextMenuTemplate(place, () => {}).map(({ role, type }) => role ?? type);

describe('the menu under the right button', () => {
  it('is none where there is nothing to do', () => expect(rolesOf(nowhere)).toEqual([]));

  it('copies what is selected', () => {
    const selected = {
      ...nowhere,
      selectionText: 'wind',
      editFlags: { ...nowhere.editFlags, canCopy: true },
    };
    expect(contextMenuTemplate(selected, () => {})).toMatchObject([{ role: 'copy', enabled: true }]);
  });

  it('has the usual items in a field, each as the page allows it', () => {
    const field = { ...nowhere, isEditable: true, editFlags: { ...nowhere.editFlags, canPaste: true } };
    expect(rolesOf(field)).toEqual(['cut', 'copy', 'paste', 'separator', 'selectAll']);
    expect(contextMenuTemplate(field, () => {}).map(({ enabled }) => enabled)).toEqual([
      false,
      false,
      true,
      undefined,
      true,
    ]);
  });

  it('offers corrections of a misspelled word', () => {
    const chosen: string[] = [];
    const field = {
      ...nowhere,
      isEditable: true,
      misspelledWord: 'harbor',
      dictionarySuggestions: ['harbour', 'arbour'],
    };
    const items = contextMenuTemplate(field, (word) => chosen.push(word));
    expect(items.slice(0, 3).map(({ label, type }) => label ?? type)).toEqual([
      'harbour',
      'arbour',
      'separator',
    ]);
    const [first] = items;
    first?.click?.(undefined as never, undefined, undefined as never);
    expect(chosen).toEqual(['harbour']);
  });
});
