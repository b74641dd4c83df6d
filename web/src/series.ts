// The lines of the charts: their names, and what they count.
import type { History, LiveFrame, Overview, SeriesName, Span } from './types';

export interface Series {
  name: SeriesName;
  label: string;
  help: string;
  dash: number[]; // a line is known by its dashes too
}

export const messages: Series[] = [
  { name: 'attempts', label: 'Attempts', help: 'Messages that were tried.', dash: [] },
  { name: 'deliveries', label: 'Deliveries', help: 'Attempts that were accepted.', dash: [] },
  { name: 'errors', label: 'Errors', help: 'Attempts that the server refused.', dash: [8, 4] },
  { name: 'strange', label: 'Strange', help: 'Timeouts, lost connections and invalid answers.', dash: [3, 3] },
  {
    name: 'not_tried',
    label: 'Not tried',
    help: 'Failed without a connection: offline, throttled, DNS, forced errors.',
    dash: [10, 3, 2, 3],
  },
  { name: 'connects', label: 'Connects', help: 'New connections that were tried.', dash: [2, 4] },
  { name: 'reuses', label: 'Reuses', help: 'Messages over a connection that was already used.', dash: [6, 2, 2, 2] },
];

export const queue: Series[] = [
  { name: 'memory', label: 'In memory', help: 'Messages in memory, those being sent included.', dash: [] },
  { name: 'parked', label: 'Parked', help: 'Messages that wait in the local queue.', dash: [8, 4] },
];

export const connections: Series[] = [
  { name: 'opening', label: 'Opening', help: 'Being set up.', dash: [3, 3] },
  { name: 'active', label: 'Active', help: 'With a message.', dash: [] },
  { name: 'idle', label: 'Idle', help: 'Open and waiting for the next message.', dash: [8, 4] },
];

export const points: Record<Span, number> = { minute: 60, hour: 60, day: 144 };
export const spanWords: Record<Span, string> = { minute: 'Last minute', hour: 'Last hour', day: 'Last day' };
export const perWords: Record<Span, string> = { minute: 'per second', hour: 'per minute', day: 'per 10 minutes' };

// extended is the last minute with one point more. Seconds that were missed, while the page slept or nothing came, are not known; a
// point for a second that it has takes the place of what is there.
export function extended(old: History, frame: LiveFrame): History {
  const length = old.series.attempts?.length ?? 0;
  const end = Math.floor(Date.parse(frame.overview.time) / 1000) - 1; // a point is of the last whole second
  const last = Math.floor(Date.parse(old.start) / 1000) + length - 1;
  const kept = Math.max(0, Math.min(length, length - (last - end) - 1));
  const missed = Array<null>(Math.min(points.minute, Math.max(0, end - last - 1))).fill(null);
  const series: History['series'] = {};
  for (const { name } of [...messages, ...queue, ...connections]) {
    const point = frame.point[name] ?? gauge(frame.overview, name);
    series[name] = [...(old.series[name] ?? []).slice(0, kept), ...missed, point].slice(-points.minute);
  }
  const now = series.attempts?.length ?? 0;
  return { start: new Date((end - now + 1) * 1000).toISOString(), step: 1, series };
}

// gauge is a number of this moment. Of domains the daemon keeps no past of these: it begins when somebody looks.
function gauge(o: Overview, name: SeriesName): number | null {
  if (name === 'memory' || name === 'parked') return o[name];
  return name === 'opening' || name === 'active' || name === 'idle' ? o.connections[name] : null;
}
