// What a pause holds back, in words, and the row that holds back exactly a selection.
import { seen } from './format';
import { session } from './session.svelte';
import { isSet, text } from './tables.svelte';
import type { Cells, Pause, Row, Selection } from './types';

export function selectionWords(s: Selection, remote = ''): string {
  const parts = ['all mail'];
  if (s.tag) parts.push(`with the tag “${seen(s.tag)}”`);
  if (s.domain) parts.push(`to ${seen(s.domain)}`);
  if (remote) parts.push(`to the server ${remote}`);
  if (s.source) parts.push(`from ${s.source}`);
  return parts.length === 1 ? 'all mail of this instance' : parts.join(' ').replace(/^all mail/, 'mail');
}

export const rowWords = (c: Cells): string =>
  selectionWords({ source: text(c.localip), domain: text(c.target), tag: text(c.tag) });

export const pauseWords = (p: Pause): string => selectionWords(p, p.remote);

export const pauseCells = (s: Selection): Cells => ({
  localip: s.source ?? '',
  target: s.domain ?? '',
  tag: s.tag ?? '',
  cluster: true,
  expire: null,
});

export function exactRow(rows: Row[], s: Selection): Row | undefined {
  const same = (cell: unknown, part?: string) => String(cell ?? '').toLowerCase() === (part ?? '').toLowerCase();
  return rows.filter(inForceHere).find((r) => same(r.cells.localip, s.source) && same(r.cells.target, s.domain) && same(r.cells.tag, s.tag));
}

// inForceHere says that a row pauses this instance. What the daemon holds in memory, or cannot read again, is its own.
export function inForceHere(r: Row): boolean {
  const ours = isSet(r.cells.cluster) || Number(r.cells.server) === session.current?.instance?.server_id;
  return r.state === 'memory' || r.state === 'unread' || (ours && !r.problem && r.state !== 'pending');
}
