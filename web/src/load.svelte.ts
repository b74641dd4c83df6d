// Data that a view shows: fetched when the view opens, again when what it depends on or any setting changes, and at a pace.
import { ApiError } from './api';

// revision rises with every change that was saved from this page.
export const revision = $state({ n: 0 });

export interface Loaded<D> {
  readonly data: D | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
  reload(): void;
}

const retryPause = 5000;

// passing says that the same question may have an answer later. 501 is what this daemon cannot do at all.
const passing = (e: ApiError): boolean => e.status === 0 || e.status === 429 || (e.status >= 500 && e.status !== 501);

// load must be called while a component is made. What fetch reads before its first wait is what it depends on. every is in
// milliseconds; 0: no more often than needed, but what the daemon could not answer is asked again.
export function load<D>(fetch: (signal: AbortSignal) => Promise<D>, every = 0): Loaded<D> {
  let data = $state.raw<D>();
  let error = $state.raw<ApiError>();
  let loading = $state(true);
  let asked = $state(0);

  $effect(() => {
    void revision.n;
    void asked;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (pause: number) => {
      timer = setTimeout(() => (document.hidden ? again(1000) : run()), pause);
    };
    const run = async () => {
      loading = true;
      let pause = every;
      try {
        data = await fetch(abort.signal);
        error = undefined;
      } catch (e) {
        if (abort.signal.aborted) return;
        error = e instanceof ApiError ? e : new ApiError(0, String(e));
        pause = passing(error) ? Math.max(every, retryPause, error.retryAfter * 1000) : every;
      }
      if (abort.signal.aborted) return;
      loading = false;
      if (pause > 0) again(pause);
    };
    void run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  });

  return {
    get data() {
      return data;
    },
    get error() {
      return error;
    },
    get loading() {
      return loading;
    },
    reload: () => asked++,
  };
}
