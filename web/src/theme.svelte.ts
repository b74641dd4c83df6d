// Light, dark, or what the machine says. Remembered in this browser.
const key = 'posthoorn-theme';
export type Theme = 'system' | 'light' | 'dark';

class ThemeState {
  chosen = $state<Theme>('system');
  changes = $state(0); // of what is seen, whoever made them

  constructor() {
    const kept = remembered();
    if (kept === 'light' || kept === 'dark') this.choose(kept);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.changes++);
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    this.changes++;
    try {
      if (theme === 'system') localStorage.removeItem(key);
      else localStorage.setItem(key, theme);
    } catch {
      // a browser that keeps nothing: the choice lasts as long as the page
    }
  }
}

function remembered(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export const theme = new ThemeState();
