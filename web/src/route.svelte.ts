// Where we are: the part of the address after the #, as in #/domains/gmail.com?source=192.0.2.1
class Route {
  parts = $state.raw<string[]>([]);
  query = $state.raw(new URLSearchParams());

  constructor() {
    this.read();
    window.addEventListener('hashchange', () => this.read());
  }

  get name(): string {
    return this.parts[0] ?? 'overview';
  }

  get detail(): string {
    return this.parts[1] ?? '';
  }

  private read(): void {
    const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split(/\?(.*)/s);
    this.parts = path.split('/').filter(Boolean).map(decoded);
    this.query = new URLSearchParams(query);
  }
}

// decoded takes what cannot be decoded as it stands: people edit addresses.
function decoded(s: string): string {
  try {
    return decodeURIComponent(s);
  } catch {
    return s;
  }
}

export const route = new Route();

export function href(parts: string | string[], query: Record<string, string | number | undefined> = {}): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') q.set(name, String(value));
  }
  const path = (typeof parts === 'string' ? [parts] : parts).map(encodeURIComponent).join('/');
  return '#/' + path + (q.size ? '?' + q : '');
}

export function go(to: string): void {
  location.hash = to;
}

// rewrite changes the address without a step back for it.
export function rewrite(to: string): void {
  history.replaceState(null, '', to);
  window.dispatchEvent(new HashChangeEvent('hashchange'));
}
