// The one script of the frame that draws diagrams: no origin, no network, no storage, nothing but drawing.
import mermaid from 'mermaid';
import { MAX_DIAGRAM_LENGTH, readDrawMessage, type DiagramTheme, type FrameMessage } from './messages.ts';

/** More lines than this take longer than anyone waits. */
const MAX_EDGES = 500;

/**
 * What would load something into the drawing: the policy of this page stops it, but only after the browser has
 * begun to. A backslash may hide any of it.
 */
const LOADS = /url\s*\(|@import|image-set|\bimg\s*:|\\[0-9a-f]/i;
/** What a diagram may not set for itself, beyond the library's own list. */
const FIXED = [
  ...['secure', 'securityLevel', 'startOnLoad', 'maxTextSize', 'suppressErrorRendering', 'maxEdges'],
  ...['themeCSS', 'themeVariables', 'fontFamily', 'altFontFamily', 'htmlLabels', 'dompurifyConfig'],
];

/** As in tokens.css, which this page cannot read. */
const COLOURS = {
  light: {
    background: '#f6f4f0',
    primaryColor: '#ffffff',
    primaryTextColor: '#23201c',
    primaryBorderColor: '#8c8578',
    secondaryColor: '#ebe7e0',
    tertiaryColor: '#f3f1ec',
    lineColor: '#524d45',
    textColor: '#23201c',
  },
  dark: {
    background: '#171614',
    primaryColor: '#262421',
    primaryTextColor: '#ebe8e2',
    primaryBorderColor: '#7e786c',
    secondaryColor: '#2c2a26',
    tertiaryColor: '#191816',
    lineColor: '#bbb5aa',
    textColor: '#ebe8e2',
  },
} as const;

let count = 0;

function tell(message: FrameMessage): void {
  // The policy lets nobody else embed this page, so the parent is ours.
  window.parent.postMessage(message, '*');
}

async function draw(source: string, theme: DiagramTheme): Promise<void> {
  const place = document.getElementById('diagram');
  if (place === null) return;
  try {
    if (LOADS.test(source)) throw new Error('loads something');
    mermaid.initialize({
      secure: FIXED,
      startOnLoad: false,
      securityLevel: 'strict',
      suppressErrorRendering: true,
      maxTextSize: MAX_DIAGRAM_LENGTH,
      maxEdges: MAX_EDGES,
      theme: 'base',
      look: 'classic',
      darkMode: theme === 'dark',
      themeVariables: {
        ...COLOURS[theme],
        edgeLabelBackground: COLOURS[theme].background,
        darkMode: theme === 'dark',
        fontSize: '14px',
      },
      fontFamily: 'system-ui, sans-serif',
      htmlLabels: false,
    });
    document.documentElement.style.colorScheme = theme;
    count += 1;
    const { svg } = await mermaid.render(`diagram-${count}`, source);
    // Whatever is in it, the policy of this page lets no script run and nothing load.
    place.innerHTML = svg;
    const drawn = place.querySelector('svg');
    if (drawn === null) throw new Error('nothing drawn');
    drawn.removeAttribute('height');
    new ResizeObserver(() => {
      if (drawn.isConnected) tell({ type: 'drawn', height: drawn.getBoundingClientRect().height });
    }).observe(drawn);
  } catch {
    place.replaceChildren();
    tell({ type: 'failed' });
  }
}

window.addEventListener('message', (event) => {
  const message = event.source === window.parent ? readDrawMessage(event.data) : null;
  if (message !== null) void draw(message.source, message.theme);
});
// No link in a diagram leads anywhere.
document.addEventListener('click', (event) => event.preventDefault(), { capture: true });
tell({ type: 'ready' });
