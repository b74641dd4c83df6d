// What was done, told at the edge of the page, with a way back.
import { api, ApiError } from './api';
import { revision } from './load.svelte';

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  change?: number; // of the audit trail, to be undone
}

const lifetime = 10_000;

class Toasts {
  list = $state.raw<Toast[]>([]);
  private last = 0;

  say(text: string, o: { bad?: boolean; change?: number } = {}): void {
    const id = ++this.last;
    this.list = [...this.list.slice(-3), { id, text, bad: o.bad ?? false, change: o.change }];
    setTimeout(() => this.drop(id), o.bad ? lifetime * 2 : lifetime);
  }

  drop(id: number): void {
    this.list = this.list.filter((t) => t.id !== id);
  }

  // saved tells of a change and has every view look again.
  saved(text: string, change: number): void {
    revision.n++;
    this.say(text, { change });
  }

  // kept tells of a change that no database has, and that cannot be undone here.
  kept(text: string): void {
    revision.n++;
    this.say(text + ' It is held in memory only, as the database cannot be written.', { bad: true });
  }

  async undo(change: number): Promise<void> {
    try {
      const done = await api.undo(change);
      this.saved('Undone.', done.change);
    } catch (e) {
      this.say('Not undone: ' + (e instanceof ApiError ? e.message : String(e)), { bad: true });
    }
  }
}

export const toasts = new Toasts();
