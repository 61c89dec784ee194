import type { Settings } from '../../src-main/contract/index.ts';

/** Read by public/theme.js before the first paint. */
const THEME_KEY = 'leeward.theme';
/** Font size of the root at 100 %, px: the base of every rem in the tokens. */
const ROOT_FONT_PX = 16;

export type Appearance = Pick<Settings, 'theme' | 'chatTextSize' | 'highContrast'>;

/** The theme to show for a setting and the system's preference. */
export function themeFor(theme: Settings['theme'], systemIsDark: boolean): 'light' | 'dark' {
  if (theme === 'system') return systemIsDark ? 'dark' : 'light';
  return theme;
}

/** Puts the appearance settings onto the document. Sizes go through the style object: the policy allows no other. */
export function applyAppearance(root: HTMLElement, settings: Appearance, systemIsDark: boolean): void {
  root.dataset['theme'] = themeFor(settings.theme, systemIsDark);
  if (settings.highContrast) root.dataset['contrast'] = 'more';
  else delete root.dataset['contrast'];
  root.style.setProperty('--fs-read', `${settings.chatTextSize / ROOT_FONT_PX}rem`);
}

/** Remembers the theme for the next first paint. */
export function rememberTheme(theme: Settings['theme']): void {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // Storage may be switched off: the next start then follows the system until the settings arrive.
  }
}
