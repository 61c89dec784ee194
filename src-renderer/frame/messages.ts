/** What the page and the frame that draws diagrams say to each other. Each side checks what it hears. */

/** Longer sources are not drawn: a diagram that a person can read is shorter. */
export const MAX_DIAGRAM_LENGTH = 50_000;
/** Taller ones would hide the chat; they are scaled into this. CSS pixels. */
export const MAX_DIAGRAM_HEIGHT_PX = 4_000;

export type DiagramTheme = 'light' | 'dark';

export interface DrawMessage {
  type: 'draw';
  source: string;
  theme: DiagramTheme;
}

export type FrameMessage =
  | { type: 'ready' }
  /** Height in CSS pixels. */
  | { type: 'drawn'; height: number }
  | { type: 'failed' };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

/** What the page may ask of the frame; null for everything else. */
export function readDrawMessage(data: unknown): DrawMessage | null {
  if (!isRecord(data) || data['type'] !== 'draw') return null;
  const { source, theme } = data;
  if (typeof source !== 'string' || source.length > MAX_DIAGRAM_LENGTH) return null;
  return theme === 'light' || theme === 'dark' ? { type: 'draw', source, theme } : null;
}

/** What the frame may tell the page; null for everything else. */
export function readFrameMessage(data: unknown): FrameMessage | null {
  if (!isRecord(data)) return null;
  if (data['type'] === 'ready' || data['type'] === 'failed') return { type: data['type'] };
  const { type, height } = data;
  if (type !== 'drawn' || typeof height !== 'number' || !Number.isFinite(height) || height <= 0) return null;
  return { type, height: Math.min(Math.ceil(height), MAX_DIAGRAM_HEIGHT_PX) };
}
