// The pulse of a selection: what the daemon says each second, and the last minute of it.
import { api } from './api';
import { extended } from './series';
import { connect, type SocketState } from './socket';
import type { History, LiveFrame, Overview, Selection } from './types';

export class Live {
  overview = $state.raw<Overview>();
  minute = $state.raw<History>();
  state = $state<SocketState>('connecting');
  refused = $state(''); // why the daemon does not want to

  // follow starts and returns what ends it. While the page is hidden nobody looks, and nothing is asked.
  follow(selection: Selection): () => void {
    this.overview = undefined;
    this.minute = undefined;
    let end = document.hidden ? undefined : this.open(selection);
    const turn = () => {
      if (!document.hidden) end ??= this.open(selection);
      else if (end) end = void end();
    };
    document.addEventListener('visibilitychange', turn);
    return () => {
      document.removeEventListener('visibilitychange', turn);
      end?.();
    };
  }

  private open(selection: Selection): () => void {
    const abort = new AbortController();
    const fill = () =>
      api.history('minute', selection, abort.signal).then(
        (h) => (this.minute = h),
        () => {},
      );
    void fill();
    const socket = connect(
      'live',
      { ...selection },
      {
        message: (data) => this.take(data as LiveFrame),
        refused: (why) => (this.refused = why),
        state: (s) => {
          if (s === 'open' && this.state === 'lost') void fill(); // what was missed
          this.state = s;
        },
      },
    );
    return () => {
      abort.abort();
      socket.close();
    };
  }

  private take(frame: LiveFrame): void {
    this.overview = frame.overview;
    if (this.minute) this.minute = extended(this.minute, frame);
  }
}
