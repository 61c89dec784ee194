import { readFileSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';

/** Comfortable for the chat with its list on the smallest common screen. */
export const DEFAULT_SIZE = { width: 1200, height: 800 };
/** Below this the narrow layout has no room for the composer. */
export const SMALLEST_SIZE = { width: 480, height: 480 };
/** So much of the title bar must be on a screen for a person to take hold of the window. */
const REACHABLE_PX = 96;

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

const Pixels = v.pipe(v.number(), v.integer(), v.minValue(-100_000), v.maxValue(100_000));
const WindowState = v.object({ x: Pixels, y: Pixels, width: Pixels, height: Pixels, maximised: v.boolean() });
/** Bounds in DIP while neither maximised nor full screen. */
export type WindowState = v.InferOutput<typeof WindowState>;

export interface Placement {
  /** Without x and y the system puts the window in the middle. */
  bounds: { x?: number; y?: number; width: number; height: number };
  maximised: boolean;
}

/**
 * Where to open the window: as it was, unless its title bar would be out of reach; never larger than the
 * screen it is on. Pure.
 * @param workAreas of all screens, the main one first
 */
export function placeWindow(state: WindowState | null, workAreas: readonly Rectangle[]): Placement {
  const screen = (state && workAreas.find((area) => isReachable(state, area))) ?? null;
  const area = screen ?? workAreas[0] ?? { x: 0, y: 0, ...DEFAULT_SIZE };
  const size = {
    width: clamp(state?.width ?? DEFAULT_SIZE.width, SMALLEST_SIZE.width, area.width),
    height: clamp(state?.height ?? DEFAULT_SIZE.height, SMALLEST_SIZE.height, area.height),
  };
  const at = state && screen ? { x: state.x, y: state.y } : {};
  return { bounds: { ...at, ...size }, maximised: state?.maximised ?? false };
}

function isReachable(window: Rectangle, area: Rectangle): boolean {
  const left = Math.max(window.x, area.x);
  const right = Math.min(window.x + window.width, area.x + area.width);
  return (
    right - left >= REACHABLE_PX && window.y >= area.y && window.y <= area.y + area.height - REACHABLE_PX
  );
}

/** The upper bound wins: a window larger than its screen cannot be used. */
const clamp = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most);

/** The state of the last run; null when there is none or it cannot be read. */
export function readWindowState(path: string): WindowState | null {
  try {
    return v.parse(WindowState, JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return null;
  }
}

/** Remembers where the window was; a full disk is no reason to keep it open. */
export function writeWindowState(path: string, state: WindowState): void {
  try {
    writeFileSync(path, JSON.stringify(state), { mode: 0o600 });
  } catch {
    // The next start uses the default size.
  }
}
