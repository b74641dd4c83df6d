// The columns that every list of counters has.
import type { Column } from './parts/Table.svelte';
import type { Connections, Counters } from './types';

const counters: [keyof Counters, string][] = [
  ['attempts', 'Attempts'],
  ['deliveries', 'Deliveries'],
  ['errors', 'Errors'],
  ['strange', 'Strange'],
  ['not_tried', 'Not tried'],
];

export function counterColumns<R extends { counters: Counters; connections?: Connections }>(connections = true): Column<R>[] {
  const list: Column<R>[] = counters.map(([key, label]) => ({ key, label, number: true, value: (r: R) => r.counters[key] }));
  if (!connections) return list;
  return [...list, { key: 'connections', label: 'Connections', number: true, value: (r) => open(r) }];
}

// open are the connections that there are, those being set up included.
export const open = (r: { connections?: Connections }): number =>
  (r.connections?.opening ?? 0) + (r.connections?.active ?? 0) + (r.connections?.idle ?? 0);
