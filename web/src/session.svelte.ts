// Who is logged in, and to which daemon.
import { api, ApiError, link } from './api';
import { schema } from './tables.svelte';
import { toasts } from './toast.svelte';
import type { Instance, Session } from './types';

class SessionState {
  current = $state.raw<Session>();
  error = $state('');
  ended = $state(false); // by the daemon, not by a logout
  outdated = $state(false); // this page is of another version than the daemon is now
  private last: Instance | undefined; // the daemon as it was when we last heard of it
  private waiting: (() => void)[] = []; // for a login

  get open(): boolean {
    return this.current?.authenticated ?? false;
  }

  get sources(): string[] {
    return this.current?.instance?.sources ?? [];
  }

  async refresh(): Promise<void> {
    try {
      const now = await api.session();
      if (!now.authenticated) this.expired();
      this.current = { ...this.current, ...now }; // what is known of the daemon stays in the page under a login
      link.csrf = now.csrf ?? '';
      this.error = '';
      if (this.open) this.begin();
      if (now.instance) this.meet(now.instance);
    } catch (e) {
      this.error = e instanceof ApiError ? e.message : String(e);
    }
  }

  private begin(): void {
    this.ended = false;
    for (const go of this.waiting.splice(0)) go();
  }

  // meet notices that the daemon was started again since: its counters begin anew, and it may not be what this page was made for.
  private meet(now: Instance): void {
    const before = this.last;
    this.last = now;
    if (!before || before.started === now.started) return;
    schema.forget();
    this.outdated ||= before.version !== now.version;
    toasts.say('The daemon was started again. Its counters and charts begin anew.', { level: 'warning' });
  }

  async login(user: string, password: string): Promise<void> {
    await api.login(user, password);
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
    this.current = { ...this.current, authenticated: false };
  }

  // reopened is when somebody is logged in again.
  reopened(): Promise<void> {
    return new Promise((go) => (this.open ? go() : this.waiting.push(go)));
  }
}

export const session = new SessionState();
link.unauthorized = () => session.expired();
link.renew = () => session.refresh();
link.reopened = () => session.reopened();
