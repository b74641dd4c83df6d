// The tables in memory, with audit and undo as the daemon has them.
import { rtl, script } from './hostile.mjs';
import { destinations } from './traffic.mjs';

const c = (name, type, more = {}) => ({ name, type, help: '', ...more });
const patterns = ['exact', 'regex', 'fnmatch', 'substr'];
const limitNames = `domain_maxmessages domain_maxconnects domain_maxconnections ip_maxmessages ip_maxconnects ip_maxconnections
connection_maxmessages connection_maxidletime secure domain_maxqueue domain_maxbytes ip_maxbytes domain_maxstarting ip_maxstarting
domain_maxidle ip_maxidle connection_maxbytes connection_minmessages connection_spread offline_time queue_first queue_retries
timeout_connect timeout_intro timeout_command timeout_data timeout_message`.split(/\s+/);
const limits = limitNames.map((n) => c(n, 'int', { unset: -1 }));

export const tables = [
  {
    name: 'capacity',
    title: 'Email throttling',
    columns: [
      c('name', 'text'),
      c('sortorder', 'int'),
      c('localip', 'ip'),
      c('domain', 'domain'),
      ...limits,
      c('rules_only', 'bool'),
    ],
  },
  {
    name: 'flood_responses',
    title: 'Flood patterns',
    columns: [
      c('name', 'text'),
      c('pattern', 'longtext'),
      c('type', 'choice', { choices: patterns }),
      c('pause', 'int'),
      c('duration', 'int'),
      ...limits,
    ],
  },
  {
    name: 'dkim_keys',
    title: 'DKIM keys',
    columns: [
      c('domain', 'domain'),
      c('selector', 'text'),
      c('privatekey', 'longtext', { secret: true }),
      c('expire', 'time'),
      c('algorithm', 'text'),
      c('headers', 'longtext'),
      c('priority', 'int'),
      c('verify', 'bool'),
      c('protocols', 'text'),
      c('report', 'bool'),
      c('canonicalization', 'text'),
    ],
  },
  {
    name: 'dkim_patterns',
    title: 'DKIM patterns',
    columns: [c('key_id', 'int'), c('type', 'choice', { choices: [...patterns, 'global'] }), c('sign', 'text')],
  },
  {
    name: 'paused',
    title: 'Paused deliveries',
    columns: [
      c('localip', 'ip', { help: 'One of our own addresses; empty: all.' }),
      c('target', 'text', { help: 'A domain or a remote IP; empty: all.' }),
      c('tag', 'text'),
      c('cluster', 'bool'),
      c('server', 'int'),
      c('expire', 'time'),
    ],
  },
  {
    name: 'delegates',
    title: 'Redirected deliveries',
    columns: [c('localip', 'ip'), c('domain', 'domain'), c('delegate', 'ip'), c('expire', 'time')],
  },
  {
    name: 'locals',
    title: 'Local addresses',
    columns: [
      c('type', 'choice', { choices: patterns }),
      c('address', 'text', { help: 'Compared with the address of RCPT TO.' }),
    ],
  },
  { name: 'mtanames', title: 'EHLO names', columns: [c('ip', 'ip'), c('name', 'text')] },
  {
    name: 'dns',
    title: 'DNS overrides',
    columns: [c('domain', 'domain'), c('ip', 'ip'), c('priority', 'int', { help: 'Lowest first.' })],
  },
  {
    name: 'blacklist',
    title: 'Block list',
    columns: [c('iprange', 'text', { help: 'An address or a range as 198.51.100.0/24.' })],
  },
  { name: 'tokens', title: 'API tokens', columns: [c('token', 'text', { secret: true }), c('name', 'text')] },
];

const secret = { dkim_keys: 'privatekey', tokens: 'token' };
const rows = Object.fromEntries(tables.map((t) => [t.name, []]));
const changes = [];
let nextId = 1;

const preset = { cluster: 1, verify: 1, sortorder: -1, rules_only: -1 };
const empty = (col) =>
  preset[col.name] ?? { int: col.unset ?? 0, bool: 0, time: null }[col.type] ?? (col.type === 'time' ? null : '');

// kept is a cell as the database has it: times without a zone, no booleans.
function kept(col, value) {
  if (value === undefined) return empty(col);
  if (col.type === 'time' && value) return value.replace('T', ' ').replace('Z', '');
  return typeof value === 'boolean' ? Number(value) : value;
}

function add(table, cells, problem) {
  const all = {};
  for (const col of tables.find((t) => t.name === table).columns) all[col.name] = kept(col, cells[col.name]);
  const row = { id: nextId++, cells: all, ...(problem ? { problem } : {}) };
  rows[table].push(row);
  return row;
}

add('capacity', {
  name: 'everything',
  domain_maxmessages: 0,
  domain_maxconnections: 100,
  ip_maxconnections: 20,
  domain_maxqueue: 500,
});
add('capacity', { name: 'gmail', domain: 'gmail.com', domain_maxmessages: 6000, domain_maxconnections: 40, secure: 2 });
add('capacity', { localip: '192.0.2.2', domain: 'gmail.com', domain_maxmessages: 1000 });
add('capacity', { name: script, domain: `${rtl}.example`, ip_maxmessages: 5 }, 'The domain is none.');
for (let i = 20; i < 90; i++)
  add('capacity', { domain: destinations[i], domain_maxmessages: i * 10, connection_maxmessages: 50 });
add('flood_responses', {
  name: 'slow down',
  type: 'regex',
  pattern: '^421.*(slow|rate)',
  pause: 60,
  duration: 600,
  domain_maxmessages: 60,
});
add(
  'flood_responses',
  { name: script, type: 'regex', pattern: '(?=broken', pause: 0 },
  'The pattern does not compile: look-ahead is not supported.',
);
const key = add('dkim_keys', { domain: 'example.com', selector: 's2031', privatekey: 'x', verify: true, protocols: 'dkim' });
add(
  'dkim_keys',
  { domain: 'old.example', selector: 'mail', privatekey: 'x', expire: '2025-01-01T00:00:00Z' },
  'The key has expired: nothing is signed with it.',
);
add('dkim_patterns', { key_id: key.id, type: 'exact', sign: 'example.com' });
add('dkim_patterns', { key_id: key.id, type: 'fnmatch', sign: '*.example.com' });
add('paused', { target: 'mail.ru', expire: new Date(Date.now() + 5400e3).toISOString().slice(0, 19) + 'Z' });
add('paused', { localip: '192.0.2.2', tag: `newsletter ${script}` });
Object.assign(add('paused', {}), {
  id: -77,
  cells: { localip: '', target: 'hotmail.com', tag: 'invoice', cluster: null, server: null, expire: null },
  state: 'memory',
  warning: 'in force, and held in memory alone: it ends with the program',
  who: `ann ${script}`,
  since: new Date(Date.now() - 600e3).toISOString().slice(0, 19) + 'Z',
});
add('delegates', { localip: '192.0.2.1', domain: 'gmx.de', delegate: '192.0.2.2' });
add(
  'delegates',
  { localip: '192.0.2.1', domain: 'web.de', delegate: '198.51.100.1' },
  '198.51.100.1 is no address of this host: mail for it cannot leave.',
);
add('locals', { type: 'fnmatch', address: '*@bounces.example.com' });
add('locals', { type: 'regex', address: script });
add('mtanames', { ip: '192.0.2.1', name: 'mta1.example.com' });
add('dns', { domain: 'internal.example', ip: '10.0.0.25', priority: 10 });
add('blacklist', { iprange: '198.51.100.0/24' });
add('tokens', { name: 'billing', token: 'x' });
for (let i = 0; i < 60; i++)
  record('ann', 'capacity', 2, 'update', { domain_maxmessages: 5000 + i }, { domain_maxmessages: 5001 + i });
const failed = record('command line (uid 1000 / ann)', 'mail', 0, 'fail', null, { destination: 'mail.ru', count: 1204 });
changes.find((x) => x.id === failed).final = 'what was done with mail cannot be undone';

export function list(table) {
  const hidden = secret[table];
  return rows[table]?.map((r) =>
    hidden ? { ...r, cells: { ...r.cells, [hidden]: null }, has: r.cells[hidden] ? [hidden] : [] } : r,
  );
}

export const find = (table, id) => rows[table]?.find((r) => r.id === id);

// visible are cells without secrets, as they stand in the audit trail.
function visible(table, cells) {
  if (!cells || !(secret[table] in cells)) return cells;
  return { ...cells, [secret[table]]: null };
}

function record(who, table, row, action, before, after, undoOf) {
  const change = {
    id: nextId++,
    time: new Date().toISOString(),
    who,
    table,
    row,
    action,
    before,
    after,
    undone: false,
    ...(undoOf ? { undo_of: undoOf } : {}),
  };
  changes.unshift(change);
  return change.id;
}

// check is what is wrong with cells: {error, field}, or nothing.
export function check(table, cells) {
  for (const [name, value] of Object.entries(cells)) {
    const col = tables.find((t) => t.name === table).columns.find((x) => x.name === name);
    if (!col) return { error: `There is no column ${name}.`, field: name };
    if (col.type === 'ip' && value && !/^[0-9a-f.:]+$/i.test(value))
      return { error: `“${value}” is no IP address.`, field: name };
    if (col.type === 'int' && value !== null && !Number.isInteger(value))
      return { error: 'This is no whole number.', field: name };
    if (col.type === 'domain' && /[\s<>]/.test(value)) return { error: `“${value}” is no domain.`, field: name };
    if (/[\r\n]/.test(String(value ?? '')) && col.type !== 'longtext')
      return { error: 'This may have one line only.', field: name };
  }
  const required = { delegates: 'delegate', mtanames: 'ip', dns: 'domain', locals: 'address', blacklist: 'iprange' }[table];
  if (required && required in cells && !cells[required]) return { error: 'This must not be empty.', field: required };
}

export function preview(table, { id, cells = {}, delete: remove }) {
  const before = id ? (find(table, id)?.cells ?? {}) : {};
  const after = remove ? {} : { ...before, ...cells };
  const wrong = remove ? undefined : check(table, cells);
  const domain = after.domain ?? after.target ?? before.domain ?? before.target ?? '';
  const all = !domain;
  const effect = {
    text: `${remove ? 'Removes' : id ? 'Changes' : 'Adds'} a row of ${table}: it holds for ${all ? 'all destinations' : domain}.`,
    messages: all ? 412_345 : 12_034,
    destinations: all ? destinations.slice(0, 20) : [domain],
    more: all ? 980 : 0,
  };
  if (table === 'capacity') {
    effect.limits = limitNames
      .filter((n) => before[n] !== after[n])
      .map((n) => ({ name: n, before: words(before[n]), after: words(after[n]) }));
  }
  return wrong ? { problem: wrong.error, field: wrong.field } : { problem: '', effect };
}

const words = (v) => (v === undefined || v === -1 || v === 0 ? 'unlimited' : String(v));

export function insert(table, cells, who = 'ann') {
  const row = add(table, cells);
  return { id: row.id, change: record(who, table, row.id, 'insert', null, visible(table, row.cells)) };
}

export function update(table, id, cells, who = 'ann') {
  const row = find(table, id);
  const before = { ...row.cells };
  for (const col of tables.find((t) => t.name === table).columns)
    if (col.name in cells) row.cells[col.name] = kept(col, cells[col.name]);
  return { id, change: record(who, table, id, 'update', visible(table, before), visible(table, { ...row.cells })) };
}

export function remove(table, id, who = 'ann') {
  const row = find(table, id);
  rows[table] = rows[table].filter((r) => r.id !== id);
  return { change: record(who, table, id, 'delete', row.cells, null) };
}

// partOf says that a change was made in the step of another.
export const partOf = (leader, id) => (changes.find((x) => x.id === id).part_of = leader);

export function listChanges(limit, before) {
  const from = before ? changes.findIndex((x) => x.id < before) : 0;
  const page = from < 0 ? [] : changes.slice(from, from + limit);
  const more = from >= 0 && from + limit < changes.length;
  return { changes: page, next: more ? page.at(-1).id : 0 };
}

// previewUndo says what undo would do, or why it cannot.
export function previewUndo(id) {
  const change = changes.find((x) => x.id === id);
  if (!change) return undefined;
  if (change.undone || change.final) return { problem: change.final ?? 'it has been undone already' };
  const { table, row, action } = change;
  if (action === 'insert') return preview(table, { id: row, delete: true });
  return preview(table, { id: action === 'update' ? row : 0, cells: change.before });
}

export function undo(id) {
  const change = changes.find((x) => x.id === id);
  if (!change) return undefined;
  if (change.undone) return { conflict: 'The row has been changed since.' };
  if (change.part_of) return undo(change.part_of);
  for (const p of changes.filter((x) => x.part_of === id)) {
    p.undone = true;
    rows[p.table] = rows[p.table].filter((r) => r.id !== p.row);
  }
  const { table, row } = change;
  const here = find(table, row);
  if (change.action !== 'delete' && !here) return { conflict: 'The row does not exist any more.' };
  change.undone = true;
  if (change.action === 'insert') rows[table] = rows[table].filter((r) => r.id !== row);
  else if (change.action === 'update') here.cells = { ...here.cells, ...change.before };
  else rows[table].push({ id: row, cells: change.before });
  const reverse = { insert: 'delete', update: 'update', delete: 'insert' }[change.action];
  return { change: record('ann', table, row, reverse, change.after, change.before, id) };
}
