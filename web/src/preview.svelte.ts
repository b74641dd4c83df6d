// The effect of an edit, asked for while it is being made.
import { untrack } from 'svelte';
import { api, ApiError } from './api';
import type { Cells, Effect } from './types';

const settle = 350; // milliseconds without a key before the daemon is asked

export class PreviewState {
  effect = $state.raw<Effect>();
  problem = $state('');
  field = $state('');
  current = $state(false); // what is shown is of what is written now

  // watch asks anew whenever what change() reads has changed. To be called while a component is made.
  constructor(table: string, change: () => { id?: number; cells?: Cells; delete?: boolean } | undefined) {
    $effect(() => {
      const wanted = change();
      this.current = false;
      if (!wanted) {
        this.effect = undefined;
        this.problem = this.field = '';
        return;
      }
      const asked = untrack(() => this.effect !== undefined || this.problem !== '');
      const abort = new AbortController();
      const timer = setTimeout(() => void this.ask(table, wanted, abort.signal), asked ? settle : 0);
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  private async ask(table: string, change: { id?: number; cells?: Cells; delete?: boolean }, signal: AbortSignal): Promise<void> {
    try {
      const answer = await api.preview(table, change, signal);
      this.effect = answer.effect;
      this.problem = answer.problem ?? '';
      this.field = answer.field ?? '';
      this.current = true;
    } catch (e) {
      if (signal.aborted) return;
      this.refuse(e);
    }
  }

  refuse(e: unknown): void {
    this.effect = undefined;
    this.problem = e instanceof Error ? e.message : String(e);
    this.field = e instanceof ApiError ? e.field : '';
  }
}
