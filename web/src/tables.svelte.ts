// The tables that can be edited: what the daemon says of them, and the words that people read.
import { api } from './api';
import type { Cell, Cells, Column, Row, Table, Tables } from './types';

class Schema {
  current = $state.raw<Tables>();
  error = $state('');
  warning = $state(''); // while the rows are not what is in force
  private asked: Promise<void> | undefined;

  // need asks once; an error is forgotten, so that the next one asks again.
  need(): Promise<void> {
    this.asked ??= api.tables().then(
      (t) => {
        this.current = t;
        this.error = '';
      },
      (e: unknown) => {
        this.error = e instanceof Error ? e.message : String(e);
        this.asked = undefined;
      },
    );
    return this.asked;
  }

  // forget has it asked again, of a daemon that may have other settings.
  forget(): void {
    this.asked = undefined;
  }

  table(name: string): Table | undefined {
    return this.current?.tables.find((t) => t.name === name);
  }

  get writable(): boolean {
    return this.current?.writable ?? false;
  }
}

export const schema = new Schema();

// readRows are the rows of a table, once it is known what stands in them.
export async function readRows(table: string, signal: AbortSignal): Promise<Row[]> {
  const [list] = await Promise.all([api.rows(table, signal), schema.need()]);
  schema.warning = list.warning ?? '';
  return list.rows ?? [];
}

// tableTitle is the name of the view of a table.
export const tableTitle = (name: string): string =>
  name === 'mail' ? 'Waiting mail' : name === 'blacklist' ? 'Block list' : (schema.table(name)?.title ?? name);

// A human name for a column; what is not named here is shown as the column.
const labels: Record<string, string> = {
  localip: 'From own IP',
  domain: 'Domain',
  target: 'To domain or remote IP',
  tag: 'Tag',
  cluster: 'On all instances',
  server: 'Instance (server-id)',
  expire: 'Until',
  delegate: 'Send from',
  ip: 'IP address',
  name: 'Name',
  type: 'Type of pattern',
  address: 'Address or pattern',
  priority: 'Priority',
  pattern: 'Pattern',
  pause: 'Pause (seconds)',
  duration: 'Reduced limits for (seconds)',
  iprange: 'Address or range',
  token: 'Token',
  sign: 'Pattern',
  key_id: 'Key',
  selector: 'Selector',
  privatekey: 'Private key (PEM)',
  algorithm: 'Algorithm',
  headers: 'Additional signed headers',
  verify: 'Use only if the DNS has it',
  protocols: 'Signs for',
  report: 'Ask for failure reports',
  canonicalization: 'Canonicalization',
  sortorder: 'Place in the list',
  rules_only: 'Used by rules only',
};

export const columnLabel = (name: string): string => labels[name] ?? name;

export const patternWords: Record<string, string> = {
  exact: 'exact',
  regex: 'regular expression',
  fnmatch: 'wildcard: * ? [abc]',
  substr: 'substring',
  global: 'all mail',
};

// blank is a new row: what is not set, is empty or as the column says.
export function blank(columns: Column[]): Cells {
  const cells: Cells = {};
  for (const c of columns) cells[c.name] = emptyCell(c);
  return cells;
}

function emptyCell(c: Column): Cell {
  if (c.name === 'verify' || c.name === 'cluster') return true; // what the daemon takes where a row does not say
  if (c.unset !== undefined) return c.unset;
  switch (c.type) {
    case 'int':
      return 0;
    case 'bool':
      return false;
    case 'time':
      return null;
    case 'choice':
      return c.choices?.[0] ?? '';
  }
  return '';
}

// changed are the cells that differ from those of the row.
export function changed(before: Cells, after: Cells): Cells {
  const out: Cells = {};
  for (const [name, value] of Object.entries(after)) {
    if ((before[name] ?? null) !== (value ?? null)) out[name] = value;
  }
  return out;
}

export const isSet = (c: Cell | undefined): boolean => c !== null && c !== undefined && c !== '' && c !== 0 && c !== false;

export const text = (c: Cell | undefined): string => (c === null || c === undefined ? '' : String(c));

// orAll is an address or a domain of a row; empty stands for all.
export const orAll = (c: Cell | undefined): string => text(c) || '*';
