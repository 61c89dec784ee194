import { link } from './process-link.ts';
import { checkOptions, strict, StrictEmitter } from './strict.ts';

const MAX_ICON_BYTES = 64 * 1024;
const PNG = 'data:image/png;base64,iVBORw0KGgo';

class NativeImage {
  readonly _scaleFactors: number[] = [];
  /** "Add an image representation for a specific scale factor. [...] This can be called on empty images." */
  addRepresentation(options: { scaleFactor?: number; dataURL?: string }): void {
    checkOptions('AddRepresentationOptions', options, ['scaleFactor', 'dataURL']);
    const { scaleFactor = 1, dataURL = '' } = options;
    if (!dataURL.startsWith(PNG) || dataURL.length > MAX_ICON_BYTES) throw new Error('This is not a PNG.');
    this._scaleFactors.push(scaleFactor);
  }
  /** "Marks the image as a macOS template image." */
  setTemplateImage(): void {}
}

export const nativeImage = strict('nativeImage', {
  /** "Creates an empty `NativeImage` instance." */
  createEmpty: () => strict('NativeImage', new NativeImage()),
});

const trays = new Set<Tray>();

/** The one icon in the tray; clicks of its menu go the way of all menus. */
export class Tray extends StrictEmitter {
  constructor(image: NativeImage) {
    // "Emitted when the tray icon is clicked."
    super('Tray', ['click']);
    if (process.env['STAND_IN_TRAY'] === 'fails') throw new Error('Failed to create the tray icon');
    trays.add(this);
    link.notify('record', { what: 'tray', value: { scaleFactors: image._scaleFactors } });
    return strict('Tray', this);
  }
  /** "Sets the hover text for this tray icon." */
  setToolTip(toolTip: string): void {
    link.notify('record', { what: 'tray.toolTip', value: toolTip });
  }
  /** "Sets the context menu for this icon." */
  setContextMenu(menu: { template: object[] }): void {
    link.notify('record', { what: 'tray.menu', value: menu.template });
  }
  /** "Destroys the tray icon immediately." */
  destroy(): void {
    trays.delete(this);
    link.notify('record', { what: 'tray', value: null });
  }
}
link.handle('tray.click', () => {
  for (const tray of trays) tray.emit('click', {}, { x: 0, y: 0, width: 24, height: 24 }, { x: 0, y: 0 });
});
