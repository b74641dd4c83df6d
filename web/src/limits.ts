// The limits of a throttle (the same columns in capacity and in flood_responses): what they are called, how they are entered, and
// what holds where no row says anything.

import { span } from './format';

export type LimitKind = 'count' | 'bytes' | 'seconds' | 'milliseconds' | 'timeout' | 'pause' | 'minimum' | 'flag' | 'security';

export interface Limit {
  column: string;
  label: string;
  kind: LimitKind;
  builtIn: number;
  help?: string;
}

export interface LimitGroup {
  title: string;
  intro?: string;
  limits: Limit[];
  counted?: string; // where the same label stands in several groups: for what
  advanced?: boolean;
}

const limit = (column: string, label: string, kind: LimitKind = 'count', builtIn = 0, help = ''): Limit => ({
  column,
  label,
  kind,
  builtIn,
  help,
});

export const groups: LimitGroup[] = [
  {
    title: 'Entire domain',
    counted: 'entire domain',
    intro: 'All its servers together, for each of our own IPs.',
    limits: [
      limit('domain_maxmessages', 'Messages per minute', 'count', 0, 'Spread over the minute, no burst.'),
      limit('domain_maxconnects', 'New connections per minute'),
      limit('domain_maxconnections', 'Simultaneous connections'),
    ],
  },
  {
    title: 'Per remote IP',
    counted: 'per remote IP',
    intro: 'Each receiving address is counted apart.',
    limits: [
      limit('ip_maxmessages', 'Messages per minute'),
      limit('ip_maxconnects', 'New connections per minute'),
      limit('ip_maxconnections', 'Simultaneous connections'),
    ],
  },
  {
    title: 'Per connection',
    limits: [
      limit('connection_maxmessages', 'Messages over one connection', 'count', 0, 'Then it is closed.'),
      limit('connection_maxidletime', 'Idle time (seconds)', 'milliseconds', 5000, 'Without work it is closed after this.'),
      limit('secure', 'TLS', 'security', 1),
    ],
  },
  {
    title: 'Memory',
    limits: [limit('domain_maxqueue', 'Messages in memory', 'count', 500, 'What is above waits in the local queue.')],
  },
  {
    title: 'Advanced: domain and remote IP',
    advanced: true,
    limits: [
      limit('domain_maxbytes', 'Bytes per minute, domain', 'bytes'),
      limit('ip_maxbytes', 'Bytes per minute, remote IP', 'bytes'),
      limit('domain_maxstarting', 'Connections being set up, domain'),
      limit('ip_maxstarting', 'Connections being set up, remote IP', 'count', 1),
      limit('domain_maxidle', 'Idle connections, domain'),
      limit('ip_maxidle', 'Idle connections, remote IP'),
      limit('offline_time', 'Offline after a failed connect (seconds)', 'pause', 120, 'How long a remote IP is left alone.'),
    ],
  },
  {
    title: 'Advanced: connection and memory',
    advanced: true,
    limits: [
      limit('connection_maxbytes', 'Bytes over one connection', 'bytes'),
      limit('connection_minmessages', 'Messages before another is opened', 'minimum'),
      limit('connection_spread', 'Spread messages over connections', 'flag'),
      limit('queue_first', 'First attempts in memory'),
      limit('queue_retries', 'Retries in memory'),
    ],
  },
  {
    title: 'Advanced: SMTP timeouts (seconds)',
    counted: 'timeout',
    intro: 'Standard is what RFC 5321 says.',
    advanced: true,
    limits: [
      limit('timeout_connect', 'Connect', 'timeout'),
      limit('timeout_intro', 'Greeting', 'timeout'),
      limit('timeout_command', 'Command', 'timeout'),
      limit('timeout_data', 'Data', 'timeout'),
      limit('timeout_message', 'End of the message', 'timeout'),
    ],
  },
];

export const limits: Limit[] = groups.flatMap((g) => g.limits);
const byColumn = new Map(limits.map((l) => [l.column, l]));

export const unset = -1;
export const securityWords = ['no TLS', 'TLS if offered', 'TLS required', 'TLS with a good certificate'];

// limitName is the column in words, with what it counts.
export function limitName(column: string): string {
  const l = byColumn.get(column);
  if (!l) return column;
  const g = groups.find((g) => g.limits.includes(l))!;
  const label = l.label.replace(' (seconds)', ''); // a value is shown with its unit
  return g.counted ? `${label}, ${g.counted}` : label;
}

// zeroWord is what 0 means.
export function zeroWord(kind: LimitKind): string {
  switch (kind) {
    case 'timeout':
      return 'standard';
    case 'pause':
    case 'minimum':
      return 'none';
    case 'flag':
      return 'no';
    case 'security':
      return securityWords[0]!;
  }
  return 'unlimited';
}

// valueWords is a value of a column for people.
export function valueWords(l: Limit, value: number): string {
  if (l.kind === 'security') return securityWords[value] ?? String(value);
  if (l.kind === 'flag') return value ? 'yes' : 'no';
  if (value === 0) return zeroWord(l.kind);
  if (l.kind === 'milliseconds') return `${value / 1000} s`;
  if (l.kind === 'timeout' || l.kind === 'pause') return `${value} s`;
  return value.toLocaleString('en-US');
}

// limitWords is a value in the words of the daemon ("opportunistic", "5s", "100"), made easier to read.
export function limitWords(value: string): string {
  const security = ['optional', 'opportunistic', 'required', 'verified'].indexOf(value);
  if (security >= 0) return securityWords[security]!;
  const duration = /^(?:(\d+)h)?(?:(\d+)m)?(\d+)s$/.exec(value);
  if (duration) return span(Number(duration[1] ?? 0) * 3600 + Number(duration[2] ?? 0) * 60 + Number(duration[3]));
  return /^\d{4,}$/.test(value) ? Number(value).toLocaleString('en-US') : value;
}
