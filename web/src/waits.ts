// What an explanation says, in the words of the page.
import { moment, relative } from './format';
import type { Explanation, Wait } from './types';

// idle says that a wait is none: what the engine waits for is more mail, or the end of what is being sent.
export const idle = (w: Wait | undefined): boolean => !holds(w?.for);

// holds says that a reason is one for which mail waits.
export const holds = (reason: string | undefined): boolean => Boolean(reason) && !/^(mail|nothing):/.test(reason!);

// What the daemon says of a wait whose reason is a limit, and the column of the limit.
export const limitWaits: [string, string][] = [
  ['the limit of messages per minute', 'domain_maxmessages'],
  ['the limit of bytes per minute', 'domain_maxbytes'],
  ['the limit of connections per minute', 'domain_maxconnects'],
  ['a connection: the limit of connections is reached', 'domain_maxconnections'],
  ['the newest connection to carry its minimum of messages', 'connection_minmessages'],
  ['a connection: the limits of its remote addresses are reached', 'ip_maxconnections'],
  ['room in memory', 'domain_maxqueue'],
];

// holding are the limits that hold mail from one of our own IPs up at the moment.
export function holding(x: Explanation, source: string): string[] {
  const lane = x.plan?.lanes?.find((l) => l.source === source);
  const reasons = [lane?.waits.for, x.waits.for === 'room in memory' ? x.waits.for : ''];
  const next = lane?.waits.for === 'the limits of its remote addresses per minute' ? (lane.remotes ?? []).map((r) => r.next) : [];
  return [
    ...limitWaits.filter(([reason]) => reasons.includes(reason)).map(([, column]) => column),
    ...(next.some((n) => n.message) ? ['ip_maxmessages'] : []),
    ...(next.some((n) => n.bytes) ? ['ip_maxbytes'] : []),
    ...(next.some((n) => n.connect) ? ['ip_maxconnects'] : []),
  ];
}

// due says when something is to happen, also where its time has come.
export function due(at: string | undefined, now: number): string {
  const time = moment(at);
  if (!time) return '';
  return time.getTime() <= now ? `due since ${relative(time, now).replace(/ ago$/, '')}` : `due ${relative(time, now)}`;
}

// heldUp is how many messages there are, on disk and in memory.
export function heldUp(x: Explanation): number {
  const inMemory = x.plan ? x.plan.items - x.waiting.in_hand : 0;
  return Math.max(0, x.waiting.count + inMemory);
}
