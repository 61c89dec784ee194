import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { FILES_CHANNEL, PORT_CHANNEL } from '../contract/host-channels.ts';

ipcRenderer.on(PORT_CHANNEL, (event) => {
  // A port cannot cross the bridge; to this window's own origin it can be posted.
  window.postMessage(PORT_CHANNEL, '/', event.ports);
});

/**
 * The one thing that the page gets. Without files: asks for a port to the core, which arrives as a message of
 * this window. With dropped files: lets them in and resolves with their ids; a path never reaches the page.
 */
contextBridge.exposeInMainWorld('leeward', async (files?: readonly File[]): Promise<string[]> => {
  if (files === undefined) {
    ipcRenderer.postMessage(PORT_CHANNEL, null);
    return [];
  }
  const paths = [...files].map((file) => webUtils.getPathForFile(file)).filter((path) => path !== '');
  return paths.length === 0 ? [] : ipcRenderer.invoke(FILES_CHANNEL, paths);
});
