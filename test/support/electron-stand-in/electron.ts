// The stand-in for module `electron` in the main process: only what main uses. Whatever else is asked for
// throws, so that a call that was never tried cannot look as if it worked. Each method quotes electron.d.ts of
// Electron 45.
import { app } from './app.ts';
import './clock.ts';
import {
  dialog,
  ipcMain,
  Menu,
  nativeTheme,
  Notification,
  powerMonitor,
  powerSaveBlocker,
  screen,
  shell,
} from './natives.ts';
import { MessageChannelMain } from './ports.ts';
import { safeStorage } from './safe-storage.ts';
import { protocol, session } from './session.ts';
import { strict } from './strict.ts';
import { nativeImage, Tray } from './tray.ts';
import { BrowserWindow } from './windows.ts';

// What Electron adds to `process`.
Object.assign(process, {
  resourcesPath: process.env['STAND_IN_RESOURCES'] ?? process.cwd(),
  type: 'browser',
});

export {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  nativeImage,
  nativeTheme,
  Notification,
  powerMonitor,
  powerSaveBlocker,
  protocol,
  safeStorage,
  screen,
  session,
  shell,
  Tray,
};
export default strict('electron', { app, ipcMain, shell });
