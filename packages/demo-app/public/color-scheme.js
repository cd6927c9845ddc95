// Runs before anything is painted, so that a page that was switched to dark does not flash light.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('satchel-color-scheme');
  } catch {
    // Storage is off: follow the system.
  }
  const dark =
    chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
