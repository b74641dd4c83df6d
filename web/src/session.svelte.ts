// Who is logged in, and to which daemon.
import { api, ApiError, link } from './api';
import { toasts } from './toast.svelte';
import type { Instance, Session } from './types';

class SessionState {
  current = $state.raw<Session>();
  error = $state('');
  ended = $state(false); // by the daemon, not by a logout
  outdated = $state(false); // this page is of another version than the daemon is now
  private last: Instance | undefined; // the daemon as it was when we last heard of it

  get open(): boolean {
    return this.current?.authenticated ?? false;
  }

  get sources(): string[] {
    return this.current?.instance?.sources ?? [];
  }

  async refresh(): Promise<void> {
    try {
      const now = await api.session();
      if (this.open && !now.authenticated) this.ended = true;
      this.current = now;
      link.csrf = now.csrf ?? '';
      this.error = '';
      if (now.instance) this.meet(now.instance);
    } catch (e) {
      this.error = e instanceof ApiError ? e.message : String(e);
    }
  }

  // meet notices that the daemon was started again since: its counters begin anew, and it may not be what this page was made for.
  private meet(now: Instance): void {
    const before = this.last;
    this.last = now;
    if (!before || before.started === now.started) return;
    this.outdated ||= before.version !== now.version;
    toasts.say('The daemon was started again. Its counters and charts begin anew.', { level: 'warning' });
  }

  async login(user: string, password: string): Promise<void> {
    await api.login(user, password);
    this.ended = false;
    await this.refresh();
  }

  async logout(): Promise<void> {
    await api.logout();
    this.current = undefined;
    await this.refresh();
  }

  expired(): void {
    if (!this.current?.authenticated) return;
    this.ended = true;
    this.current = { login: this.current.login, authenticated: false };
  }
}

export const session = new SessionState();
link.unauthorized = () => session.expired();
link.renew = () => session.refresh();
