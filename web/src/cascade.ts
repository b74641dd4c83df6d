// What a field that is not set takes its value from: per field the order is pair, domain, own IP, default row, built-in. Of rows
// for the same pair the one higher in the list has the word. (Domains with the same servers may add rows of their own; the page
// of the destination shows these.)
import type { Limit } from './limits';
import { unset } from './limits';
import { text } from './tables.svelte';
import type { Cells, Row } from './types';

export interface Origin {
  value: number;
  row?: Row; // none: built-in
}

// inherited is what holds for a limit of the row that is for cells' pair, if the row itself leaves it open.
export function inherited(limit: Limit, cells: Cells, id: number | undefined, rows: Row[]): Origin {
  const ip = text(cells.localip);
  const domain = text(cells.domain).toLowerCase();
  const levels: [string, string][] = [
    [ip, domain],
    ['', domain],
    [ip, ''],
    ['', ''],
  ];
  const seen = new Set<string>();
  for (const [i, d] of levels) {
    if (seen.has(i + '\n' + d)) continue;
    seen.add(i + '\n' + d);
    for (const row of ofPair(rows, i, d)) {
      const value = numberOf(row.cells[limit.column]);
      if (row.id !== id && value !== unset) return { value, row };
    }
  }
  return { value: limit.builtIn };
}

function ofPair(rows: Row[], ip: string, domain: string): Row[] {
  return rows
    .filter(
      (r) =>
        !r.problem &&
        numberOf(r.cells.rules_only) <= 0 &&
        text(r.cells.localip) === ip &&
        text(r.cells.domain).toLowerCase() === domain,
    )
    .sort((a, b) => numberOf(a.cells.sortorder) - numberOf(b.cells.sortorder) || a.id - b.id);
}

// numberOf reads a cell as the daemon does: nothing is 0.
export const numberOf = (c: unknown): number => (typeof c === 'number' ? c : c === true ? 1 : Number(c) || 0);
