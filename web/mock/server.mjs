// A console without a daemon: the API with invented data, and the built page under the content policy of the daemon.
// node mock/server.mjs [port]; log in with the password "secret".
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { destination } from './explain.mjs';
import { script } from './hostile.mjs';
import { search } from './logs.mjs';
import { watch } from './monitor.mjs';
import { upgrade } from './socket.mjs';
import * as tables from './tables.mjs';
import * as traffic from './traffic.mjs';

const assets = fileURLToPath(new URL('../../internal/console/assets/', import.meta.url));
const password = 'secret';
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
const csrf = 'mock-csrf-token';
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const tests = new Map();

class Refusal extends Error {
  constructor(status, error, field) {
    super(error);
    this.status = status;
    this.field = field;
  }
}

function selectionOf(q) {
  const s = { source: q.get('source') || '', domain: q.get('domain') || '', tag: q.get('tag') || '' };
  if (Object.values(s).filter(Boolean).length > 1)
    throw new Refusal(400, 'counts are kept by source, by domain and by tag: name one of them', 'domain');
  return s;
}

function pausedExactly(s) {
  return tables.list('paused').some((r) => r.cells.localip === s.source && r.cells.target === s.domain && r.cells.tag === s.tag);
}

function overview(s) {
  const scale = traffic.scaleOf(s);
  const p = traffic.point(s, Math.floor(Date.now() / 1000));
  return {
    time: new Date().toISOString(),
    counters: traffic.counters(scale, JSON.stringify(s)),
    connections: { ...traffic.connectionsOf(scale / 600, JSON.stringify(s)), ...(Object.values(s).some(Boolean) ? {} : { incoming: 12 }) },
    memory: p.memory,
    parked: p.parked,
    paused: pausedExactly(s),
    consuming: true,
    problems: [
      { level: 'critical', text: 'RabbitMQ at amqp://mq.example blocks publishing since 3 min: memory alarm. Results wait.' },
      { level: 'warning', text: `2 destinations are offline, among them ${script}.` },
    ],
  };
}

function domainLine(domain) {
  const scale = traffic.scaleOf({ domain });
  return {
    domain,
    counters: traffic.counters(scale, domain),
    connections: traffic.connectionsOf(scale / 600, domain),
    memory: Math.round(scale / 50),
    parked: Math.round(scale / 3),
    reason: traffic.reasonOf(domain),
    next: new Date(Date.now() + 30e3).toISOString(),
    paused: pausedExactly({ source: '', domain, tag: '' }),
  };
}

function backlog() {
  const lines = traffic.destinations.slice(0, 300).map((d) => {
    const l = domainLine(d);
    return {
      destination: d,
      memory: l.memory,
      waiting: l.parked,
      since: new Date(Date.now() - 7200e3).toISOString(),
      ...(l.reason ? { reason: l.reason, next: l.next } : {}),
    };
  });
  return { lines: [...lines, { destination: '', others: 700, memory: 3, waiting: 4000 }] };
}

function previewAction(domain, { action }) {
  const { memory, parked } = domainLine(domain);
  return {
    problem: '',
    effect: {
      text: `${action}: all that is not in transaction.`,
      messages: memory + parked,
      destinations: [domain],
      more: 0,
      memory,
      parked,
      oldest: new Date(Date.now() - 7200e3).toISOString(),
      final: 'what was done with mail cannot be undone',
    },
  };
}

function record(id) {
  const key = tables.find('dkim_keys', id);
  if (!key) throw new Refusal(404, 'There is no such key.');
  const value = 'v=DKIM1; k=rsa; p=' + 'MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A'.repeat(12) + 'IDAQAB';
  const name = `${key.cells.selector}._domainkey.${key.cells.domain}`;
  return {
    name,
    value,
    zone: `${name}. IN TXT ( ${value
      .match(/.{1,255}/g)
      .map((s) => `"${s}"`)
      .join(' ')} )`,
  };
}

function testMessage(id) {
  const test = tests.get(id);
  if (!test) throw new Refusal(404, 'There is no such message.');
  const age = (Date.now() - test.at) / 1000;
  const steps = [
    [0, 'accepted', 'the message is in the queue'],
    [
      2,
      'retry',
      'it will be tried again',
      { state: 'rcptto', result: 'error', code: 451, status: '4.7.1', description: `${script} greylisted` },
    ],
    [3, 'waiting', 'the limit of messages per minute'],
    [
      6,
      'delivered',
      'the server has taken it',
      { state: 'message', result: 'accepted', code: 250, status: '2.0.0', description: 'queued' },
    ],
  ].filter(([s]) => s <= age);
  return {
    id,
    done: age > 6,
    events: steps.map(([s, what, text, result]) => ({
      time: new Date(test.at + s * 1000).toISOString(),
      what,
      text,
      ...(result ? { result } : {}),
    })),
  };
}

// Each answer gets (parts of the path behind the pattern, query, body).
const routes = [
  [
    'GET live',
    (_, q) => {
      checkSocket('live', q);
      throw new Refusal(426, 'This is a websocket.');
    },
  ],
  [
    'GET monitor',
    (_, q) => {
      checkSocket('monitor', q);
      throw new Refusal(426, 'This is a websocket.');
    },
  ],
  ['GET overview', (_, q) => overview(selectionOf(q))],
  ['GET history', (_, q) => traffic.history(q.get('span'), selectionOf(q))],
  [
    'GET sources',
    () => ({
      sources: traffic.sources.map((ip, i) => ({
        ip,
        name: ['mta1.example.com', script, ''][i],
        name_from: ['row', 'dns', ''][i],
        counters: traffic.counters(80_000, ip),
        connections: traffic.connectionsOf(90, ip),
        memory: 1200,
        parked: 33_000,
        paused: pausedExactly({ source: ip, domain: '', tag: '' }),
      })),
    }),
  ],
  [
    'GET domains',
    (_, q) => {
      const found = traffic.destinations.filter((d) => d.includes(q.get('search') || ''));
      return { domains: found.slice(0, Number(q.get('limit') || 100)).map(domainLine), total: found.length };
    },
  ],
  [
    'GET tags',
    (_, q) => ({
      tags: ['invoice', `newsletter ${script}`, 'reset', ...Array.from({ length: 80 }, (_, i) => `campaign-${i}`)]
        .filter((t) => t.includes(q.get('search') || ''))
        .map((tag) => ({ tag, counters: traffic.counters(4000, tag), paused: pausedExactly({ source: '', domain: '', tag }) })),
    }),
  ],
  ['GET backlog', backlog],
  ['GET destinations/*', ([d]) => destination(d)],
  ['POST destinations/*/preview', ([d], _, b) => previewAction(d, b)],
  ['POST destinations/*/retry', () => ({ count: 12_034 })],
  [
    'POST destinations/*/fail',
    (_, __, b) => {
      if (!b.reason) throw new Refusal(400, 'A reason is needed.', 'reason');
      return { count: 12_034 };
    },
  ],
  ['POST destinations/*/move', () => ({ count: 12_034 })],
  ['GET tables', () => ({ tables: tables.tables, writable: true })],
  ['GET tables/*', ([t]) => ({ rows: tables.list(t) ?? [] })],
  [
    'POST tables/*',
    ([t], _, b) => {
      refuse(t, b.cells);
      if (t !== 'tokens') return [201, tables.insert(t, b.cells)];
      const token = randomBytes(32).toString('base64url');
      return [201, { ...tables.insert(t, { ...b.cells, token }), token }];
    },
  ],
  [
    'PUT tables/*/*',
    ([t, id], _, b) => {
      refuse(t, b.cells);
      known(t, id);
      return tables.update(t, Number(id), b.cells);
    },
  ],
  [
    'DELETE tables/*/*',
    ([t, id]) => {
      known(t, id);
      return tables.remove(t, Number(id));
    },
  ],
  ['POST tables/*/preview', ([t], _, b) => tables.preview(t, b)],
  ['GET changes', (_, q) => tables.listChanges(Number(q.get('limit') || 50), Number(q.get('before') || 0))],
  [
    'POST changes/*/preview',
    ([id]) => {
      const seen = tables.previewUndo(Number(id));
      if (!seen) throw new Refusal(404, 'There is no such change.');
      return seen;
    },
  ],
  [
    'POST changes/*/undo',
    ([id]) => {
      const done = tables.undo(Number(id));
      if (!done) throw new Refusal(404, 'There is no such change.');
      if (done.conflict) throw new Refusal(409, done.conflict);
      return done;
    },
  ],
  ['POST patterns/test', (_, __, b) => match(b)],
  [
    'POST dkim/generate',
    (_, __, b) => {
      const { id, change } = tables.insert('dkim_keys', {
        domain: b.domain,
        selector: b.selector,
        privatekey: 'x',
        algorithm: b.algorithm,
      });
      for (const p of b.patterns) tables.partOf(change, tables.insert('dkim_patterns', { key_id: id, ...p }).change);
      return [201, { id, change, record: record(id) }];
    },
  ],
  [
    'POST dkim/generate/preview',
    (_, __, b) => {
      const wrong = tables.check('dkim_keys', { domain: b.domain, selector: b.selector });
      if (wrong) return { problem: wrong.error, field: wrong.field };
      return { problem: '', effect: { text: `A key for ${b.domain} is made and kept.`, messages: 0, destinations: [], more: 0 } };
    },
  ],
  ['GET dkim/*/record', ([id]) => record(Number(id))],
  ['POST dkim/*/check', ([id]) => ({ ok: Number(id) % 2 === 0, detail: `The DNS has ${script}, which is another key.` })],
  ['GET logs/*', ([kind], q) => search(kind, q)],
  [
    'POST test-messages',
    (_, __, b) => {
      if (!/^[^@\s]+@[^@\s]+$/.test(b.recipient ?? '')) throw new Refusal(400, 'This is no address.', 'recipient');
      const id = 'test-' + (tests.size + 1);
      tests.set(id, { at: Date.now() });
      return [201, { id }];
    },
  ],
  ['GET test-messages/*', ([id]) => testMessage(id)],
].map(([pattern, answer]) => {
  const [method, path] = pattern.split(' ');
  return { method, path: new RegExp('^' + path.replaceAll('*', '([^/]+)') + '$'), answer };
});

function refuse(table, cells) {
  const wrong = tables.check(table, cells ?? {});
  if (wrong) throw new Refusal(400, wrong.error, wrong.field);
}

function known(table, id) {
  if (!tables.find(table, Number(id))) throw new Refusal(404, 'There is no such row.');
}

function match({ type, pattern, text }) {
  try {
    const quoted = pattern.replace(/[.+^${}()|\\\]]/g, '\\$&');
    const source = {
      regex: pattern,
      substr: quoted.replace(/[*?[]/g, '\\$&'),
      exact: '^' + quoted.replace(/[*?[]/g, '\\$&') + '$',
      fnmatch: '^' + quoted.replaceAll('*', '.*').replaceAll('?', '.') + '$',
    }[type];
    return { match: new RegExp(source, 'i').test(text), error: '' };
  } catch (e) {
    return { match: false, error: e.message };
  }
}

const loggedIn = (request) => /(^|; )session=mock($|;)/.test(request.headers.cookie ?? '');

async function api(request, path, query, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : {};
  if (path === 'session') return [200, session(request)];
  if (path === 'login') {
    if (body.password !== password) throw new Refusal(401, 'The password is wrong.');
    response.setHeader('Set-Cookie', 'session=mock; HttpOnly; SameSite=Strict; Path=/');
    return [204];
  }
  if (!loggedIn(request)) throw new Refusal(401, 'Please log in.');
  if (request.method !== 'GET' && request.headers['x-csrf-token'] !== csrf)
    throw new Refusal(403, 'The token of the page is missing.');
  if (path === 'logout') {
    response.setHeader('Set-Cookie', 'session=; Max-Age=0; Path=/');
    return [204];
  }
  for (const route of routes) {
    const found = route.method === request.method && route.path.exec(path);
    if (!found) continue;
    const answer = route.answer(found.slice(1).map(decodeURIComponent), query, body);
    return Array.isArray(answer) ? answer : [200, answer];
  }
  throw new Refusal(404, 'There is no such route.');
}

function session(request) {
  if (!loggedIn(request)) return { login: 'password', authenticated: false };
  const instance = {
    hostname: 'mta.example.com',
    version: 'v0.7.0-mock',
    started: traffic.startedAt.toISOString(),
    server_id: 1,
    queue: 'RabbitMQ at mq.example',
    sources: traffic.sources,
  };
  return { login: 'password', authenticated: true, user: 'ann', csrf, instance };
}

async function page(path, response) {
  const file = normalize(path === '/' ? '/index.html' : path);
  try {
    const content = await readFile(join(assets, file));
    response.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
    response.setHeader('Content-Security-Policy', policy);
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.end(content);
  } catch {
    response.writeHead(404).end('not found');
  }
}

// refusal is the status of a websocket that is not opened.
function refusal(request, url) {
  if (!loggedIn(request)) return 401;
  try {
    checkSocket(url.pathname.slice('/api/v1/'.length), url.searchParams);
  } catch (e) {
    return e.status;
  }
}

function checkSocket(path, query) {
  if (path === 'live') selectionOf(query);
  if (path === 'monitor' && query.get('ip') && !/^[0-9a-f.:]+$/i.test(query.get('ip')))
    throw new Refusal(400, `"${query.get('ip')}" is no IP address`, 'ip');
}

export function start(port) {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://mock');
    if (!url.pathname.startsWith('/api/v1/')) return page(url.pathname, response);
    try {
      const [status, value] = await api(request, url.pathname.slice('/api/v1/'.length), url.searchParams, response);
      response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
      response.end(value === undefined ? undefined : JSON.stringify(value));
    } catch (e) {
      response.writeHead(e.status ?? 500, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify({ error: e.message, field: e.field }));
    }
  });
  server.on('upgrade', (request, socket) => {
    const url = new URL(request.url, 'http://mock');
    const refused = refusal(request, url);
    if (refused) return socket.end(`HTTP/1.1 ${refused} Refused\r\n\r\n`);
    const send = upgrade(request, socket);
    if (url.pathname.endsWith('/monitor')) {
      socket.on('close', watch(url.searchParams, send));
      return;
    }
    const selection = selectionOf(url.searchParams);
    const timer = setInterval(
      () => send({ overview: overview(selection), point: traffic.point(selection, Math.floor(Date.now() / 1000)) }),
      1000,
    );
    socket.on('close', () => clearInterval(timer));
  });
  return new Promise((resolve) =>
    server.listen(port, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        password,
        close: () => (server.closeAllConnections(), server.close()),
      }),
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await start(Number(process.argv[2] ?? 8485));
  console.log(`${url} (password: ${password})`);
}
