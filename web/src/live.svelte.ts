// The pulse of a selection: what the daemon says each second, and the last minute of it.
import { api } from './api';
import { connections, messages, points, queue } from './series';
import { connect, type SocketState } from './socket';
import type { History, LiveFrame, Overview, Selection, SeriesName } from './types';

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
    const old = this.minute;
    if (!old) return;
    const series: History['series'] = {};
    for (const { name } of [...messages, ...queue, ...connections]) {
      series[name] = [...(old.series[name] ?? []), frame.point[name] ?? gauge(frame.overview, name)].slice(-points.minute);
    }
    const length = series.attempts?.length ?? 0;
    const end = Math.floor(Date.parse(frame.overview.time) / 1000) - 1; // a point is of the last whole second
    this.minute = { start: new Date((end - length + 1) * 1000).toISOString(), step: 1, series };
  }
}

// gauge is a number of this moment. Of domains the daemon keeps no past of these: it begins when somebody looks.
function gauge(o: Overview, name: SeriesName): number | null {
  if (name === 'memory' || name === 'parked') return o[name];
  return name === 'opening' || name === 'active' || name === 'idle' ? o.connections[name] : null;
}
