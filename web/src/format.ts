// Numbers, times and sizes in words.

const grouped = new Intl.NumberFormat('en-US');

export const group = (n: number | null | undefined): string => (n === null || n === undefined ? '–' : grouped.format(n));

// count is "1 message", "12,000 messages".
export const count = (n: number, one: string, many = one + 's'): string => `${group(n)} ${n === 1 ? one : many}`;

// clockTime is 2031-05-04 09:00:02, without the date when it is today's.
export function clockTime(at: Date, now: number): string {
  const text = at.toISOString();
  const day = text.slice(0, 10);
  const time = text.slice(11, 19);
  return day === new Date(now).toISOString().slice(0, 10) ? time : `${day} ${time}`;
}

// span is a duration in one or two units: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h.
export function span(seconds: number): string {
  const s = Math.round(Math.abs(seconds));
  const units: [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const first = units.findIndex(([size]) => s >= size);
  if (first < 0) return '0 s';
  const [size, name] = units[first]!;
  const next = units[first + 1];
  const rest = next ? Math.floor((s % size) / next[0]) : 0;
  return `${Math.floor(s / size)} ${name}` + (rest > 0 && next ? ` ${rest} ${next[1]}` : '');
}

// relative is "3 min 20 s ago", "in 6 min", "now".
export function relative(at: Date, now: number): string {
  const seconds = (at.getTime() - now) / 1000;
  if (Math.abs(seconds) < 2) return 'now';
  return seconds < 0 ? `${span(seconds)} ago` : `in ${span(seconds)}`;
}

// moment reads a time of the API or of the database (UTC, without a zone); undefined when there is none.
export function moment(text: string | null | undefined): Date | undefined {
  if (!text || text.startsWith('0001-')) return undefined;
  const at = new Date(/[zZ]$|[+-]\d\d:\d\d$/.test(text) ? text : text.replace(' ', 'T') + 'Z');
  return Number.isNaN(at.getTime()) ? undefined : at;
}

export function bytes(n: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
  return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

// Characters that change how the text around them is read: controls, directions, invisible ones.
const unseen = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

// seen is the text of a stranger with all that it consists of, as the commands print it: \x1b, \u{202e}.
export function seen(text: string | null | undefined): string {
  return (text ?? '').replace(unseen, (c) => {
    const code = c.codePointAt(0)!;
    return code < 0x80 ? '\\x' + code.toString(16).padStart(2, '0') : `\\u{${code.toString(16)}}`;
  });
}

// seenJSON is a value for people, with the same care.
export const seenJSON = (value: unknown): string => JSON.stringify(value, null, 2).split('\n').map(seen).join('\n');

// sentence begins with a capital and ends with a full stop.
export const sentence = (s: string): string => s.charAt(0).toUpperCase() + s.slice(1) + (/[a-z0-9)”"]$/i.test(s) ? '.' : '');
