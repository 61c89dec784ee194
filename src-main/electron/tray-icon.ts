import { nativeImage, type NativeImage } from 'electron';
import colour16 from '../../resources/tray/colour-16.png?inline';
import colour20 from '../../resources/tray/colour-20.png?inline';
import colour24 from '../../resources/tray/colour-24.png?inline';
import colour32 from '../../resources/tray/colour-32.png?inline';
import colour48 from '../../resources/tray/colour-48.png?inline';
import template16 from '../../resources/tray/template-16.png?inline';
import template32 from '../../resources/tray/template-32.png?inline';

/** The icon in the size and form of this system, at every scale that its screens may have. */
export function trayIcon(): NativeImage {
  if (process.platform === 'darwin') {
    const image = imageOf([1, template16], [2, template32]);
    // The menu bar gives it its colour.
    image.setTemplateImage(true);
    return image;
  }
  return process.platform === 'win32'
    ? imageOf([1, colour16], [1.25, colour20], [1.5, colour24], [2, colour32], [3, colour48])
    : imageOf([1, colour24], [2, colour48]);
}

function imageOf(...representations: [scaleFactor: number, dataURL: string][]): NativeImage {
  const image = nativeImage.createEmpty();
  for (const [scaleFactor, dataURL] of representations) image.addRepresentation({ scaleFactor, dataURL });
  return image;
}
