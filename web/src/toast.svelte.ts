// What was done, told at the edge of the page, with a way back.
import { api } from './api';
import { sentence } from './format';
import { revision } from './load.svelte';
import type { Saved } from './types';

export interface Toast {
  id: number;
  text: string;
  level: 'good' | 'warning' | 'critical';
  change?: number; // of the audit trail, to be undone
}

const lifetime = 10_000;

class Toasts {
  list = $state.raw<Toast[]>([]);
  private last = 0;

  say(text: string, o: { level?: Toast['level']; change?: number } = {}): void {
    const id = ++this.last;
    const level = o.level ?? 'good';
    this.list = [...this.list.slice(-3), { id, text, level, change: o.change }];
    setTimeout(() => this.drop(id), level === 'good' ? lifetime : lifetime * 2);
  }

  bad(e: unknown, before = ''): void {
    this.say(before + (e instanceof Error ? e.message : String(e)), { level: 'critical' });
  }

  drop(id: number): void {
    this.list = this.list.filter((t) => t.id !== id);
  }

  // saved tells of a change, and has every view look again.
  saved(text: string, s: Saved): void {
    revision.n++;
    const but = s.pending ? `It is not in force yet: ${s.pending}` : sentence(s.warning ?? '');
    this.say(but ? `${text} ${but}` : text, { level: but ? 'warning' : 'good', change: s.change || undefined });
  }

  async undo(change: number): Promise<void> {
    try {
      this.saved('Undone.', await api.undo(change));
    } catch (e) {
      this.bad(e, 'Not undone: ');
    }
  }
}

export const toasts = new Toasts();
