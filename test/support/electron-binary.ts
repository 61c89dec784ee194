import { join } from 'node:path';
import { findElectron } from '../../src-main/launch-electron.ts';

const PACKAGE = join(import.meta.dirname, '..', '..', 'node_modules', 'electron');

function find(): { binary: string } | { why: string } {
  const binary = findElectron(PACKAGE);
  if (binary === null) return { why: 'no Electron binary' };
  const { DISPLAY, WAYLAND_DISPLAY } = process.env;
  if (process.platform === 'linux' && !DISPLAY && !WAYLAND_DISPLAY) return { why: 'no display' };
  // Chromium refuses its sandbox to root, and without it nothing is shown.
  if (process.getuid?.() === 0) return { why: 'root' };
  return { binary };
}

/** The real Electron, or why none can be run here. Looks for it only: nothing is fetched. */
export const realElectron = find();
