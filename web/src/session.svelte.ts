// Who is logged in, and to which daemon.
import { api, ApiError, link } from './api';
import type { Session } from './types';

class SessionState {
  current = $state.raw<Session>();
  error = $state('');

  get open(): boolean {
    return this.current?.authenticated ?? false;
  }

  get sources(): string[] {
    return this.current?.instance?.sources ?? [];
  }

  async refresh(): Promise<void> {
    try {
      this.current = await api.session();
      link.csrf = this.current.csrf ?? '';
      this.error = '';
    } catch (e) {
      this.error = e instanceof ApiError ? e.message : String(e);
    }
  }

  async login(user: string, password: string): Promise<void> {
    await api.login(user, password);
    await this.refresh();
  }

  async logout(): Promise<void> {
    await api.logout();
    await this.refresh();
  }

  expired(): void {
    if (this.current?.authenticated) this.current = { login: this.current.login, authenticated: false };
  }
}

export const session = new SessionState();
link.unauthorized = () => session.expired();
