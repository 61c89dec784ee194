// Sets the theme before the first paint, from what was applied last. shell/appearance.ts writes the value.
(() => {
  let theme = 'system';
  try {
    theme = localStorage.getItem('leeward.theme') ?? 'system';
  } catch {
    // Storage may be switched off; the system's preference is the best guess then.
  }
  const dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
