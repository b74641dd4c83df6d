// The effect of a change, asked for while it is being made.
import { untrack } from 'svelte';
import { ApiError } from './api';
import { session } from './session.svelte';
import type { Effect, Preview } from './types';

const settle = 350; // milliseconds without a key before the daemon is asked

// Question asks the daemon what a change would do.
export type Question = (signal: AbortSignal) => Promise<Preview>;

export class PreviewState {
  effect = $state.raw<Effect>();
  problem = $state('');
  field = $state('');
  current = $state(false); // what is shown is of what is written now

  // question is called anew whenever what it reads has changed; it returns none while there is nothing to ask. To be called while
  // a component is made.
  constructor(question: () => Question | undefined) {
    $effect(() => {
      const ask = question();
      if (!session.open) return; // after a login it is asked anew
      this.current = false;
      if (!ask) {
        this.effect = undefined;
        this.problem = this.field = '';
        return;
      }
      const asked = untrack(() => this.effect !== undefined || this.problem !== '');
      const abort = new AbortController();
      const timer = setTimeout(() => void this.take(ask, abort.signal), asked ? settle : 0);
      return () => {
        clearTimeout(timer);
        abort.abort();
      };
    });
  }

  private async take(ask: Question, signal: AbortSignal): Promise<void> {
    try {
      const answer = await ask(signal);
      this.effect = answer.effect;
      this.field = answer.field ?? '';
      this.problem = bare(answer.problem ?? '', this.field);
      this.current = true;
    } catch (e) {
      if (signal.aborted) return;
      this.refuse(e);
    }
  }

  get ready(): boolean {
    return this.current && !this.problem;
  }

  refuse(e: unknown): void {
    this.effect = undefined;
    this.field = e instanceof ApiError ? e.field : '';
    this.problem = bare(e instanceof Error ? e.message : String(e), this.field);
  }
}

// bare is a problem without the column before it, and without a value that is none: the page says where it is.
function bare(problem: string, field: string): string {
  const text = field && problem.startsWith(field + ': ') ? problem.slice(field.length + 2) : problem;
  return text.replace(/^"": /, '');
}
