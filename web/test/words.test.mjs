// Words, numbers, and the cascade of limits.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { createServer } from 'vite';

let vite;
const load = (name) => vite.ssrLoadModule(`/src/${name}.ts`);
before(async () => {
  const root = fileURLToPath(new URL('..', import.meta.url));
  vite = await createServer({
    root,
    logLevel: 'error',
    server: { middlewareMode: true, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
});
after(() => vite.close());

test('times in words', async () => {
  const { clockTime, moment, relative, span } = await load('format');
  const now = Date.parse('2031-05-04T09:00:00Z');
  for (const [seconds, want] of [
    [0, '0 s'],
    [59.6, '1 min'],
    [45, '45 s'],
    [200, '3 min 20 s'],
    [7200, '2 h'],
    [7500, '2 h 5 min'],
    [273_600, '3 d 4 h'],
  ]) {
    assert.equal(span(seconds), want);
  }
  assert.equal(relative(new Date(now - 200_000), now), '3 min 20 s ago');
  assert.equal(relative(new Date(now + 360_000), now), 'in 6 min');
  assert.equal(relative(new Date(now + 1000), now), 'now');
  assert.equal(clockTime(new Date(now), now), '09:00:00');
  assert.equal(clockTime(new Date(now - 86_400_000), now), '2031-05-03 09:00:00');
  for (const none of ['', null, undefined, '0001-01-01T00:00:00Z', 'no time']) assert.equal(moment(none), undefined);
  assert.equal(moment('2031-05-04 09:00:00').getTime(), now);
  assert.equal(moment('2031-05-04T11:00:00+02:00').getTime(), now);
});

test('numbers in words', async () => {
  const { bytes, count, group } = await load('format');
  assert.equal(group(1234567), '1,234,567');
  assert.equal(group(null), '–');
  assert.equal(count(1, 'message'), '1 message');
  assert.equal(count(12000, 'reply', 'replies'), '12,000 replies');
  assert.equal(bytes(999), '999 bytes');
  assert.equal(bytes(12_345_678), '12.3 MB');
});

test('what would change the text around it is seen', async () => {
  const { seen, seenJSON } = await load('format');
  assert.equal(seen('a\u0000b\x1b[31m\u202egnp.exe'), 'a\\x00b\\x1b[31m\\u{202e}gnp.exe');
  assert.equal(seen('שלום é 漢字 😀'), 'שלום é 漢字 😀');
  assert.equal(seen(undefined), '');
  assert.equal(seenJSON({ a: '\u202e' }), '{\n  "a": "\\u{202e}"\n}');
});

test('a limit that is not set comes from the next less specific row', async () => {
  const { inherited } = await load('cascade');
  const { limits } = await load('limits');
  const limit = limits.find((l) => l.column === 'ip_maxstarting');
  const row = (id, localip, domain, ip_maxstarting, more = {}) => ({
    id,
    cells: { localip, domain, ip_maxstarting, sortorder: -1 },
    ...more,
  });
  const rows = [row(1, '', '', 5), row(2, '192.0.2.1', '', 6), row(3, '', 'a.example', 7), row(4, '192.0.2.1', 'a.example', -1)];
  const from = (localip, domain, id, of = rows) => inherited(limit, { localip, domain }, id, of);
  assert.equal(from('192.0.2.1', 'a.example', 4).value, 7, 'domain before own IP');
  assert.equal(from('192.0.2.1', 'A.EXAMPLE', 4).row.id, 3, 'case does not matter');
  assert.equal(from('192.0.2.1', 'b.example').value, 6, 'own IP before default');
  assert.equal(from('192.0.2.9', 'b.example').value, 5, 'the default');
  assert.deepEqual(from('', '', 1), { value: 1 }, 'a row is not its own origin: built in');
  assert.equal(
    from('', 'a.example', undefined, [row(8, '', 'a.example', 9, { problem: 'wrong' }), ...rows]).value,
    7,
    'a row that does not count',
  );
  assert.equal(from('', 'a.example', undefined, [row(8, '', 'a.example', null)]).value, 0, 'NULL is unlimited');
});

test('the words of the daemon for limits', async () => {
  const { limitWords } = await load('limits');
  for (const [given, want] of [
    ['5s', '5 s'],
    ['2m0s', '2 min'],
    ['1h0m5s', '1 h'],
    ['6000', '6,000'],
    ['unlimited', 'unlimited'],
    ['required', 'TLS required'],
  ]) {
    assert.equal(limitWords(given), want);
  }
});

test('what the last minute means', async () => {
  const { judge, unreachable } = await load('judgement');
  const counters = (c) => ({ counters: { attempts: 100, errors: 0, strange: 0, not_tried: 0, ...c } });
  const said = (c) =>
    judge(counters(c))
      .map((p) => p.text)
      .join(' ');
  assert.equal(said({ errors: 19, strange: 9 }), '');
  assert.match(said({ not_tried: 1 }), /1 message of the last minute failed without a connection/);
  assert.match(said({ errors: 20 }), /refused 20 of 100/);
  assert.match(said({ strange: 10 }), /timeouts/);
  assert.equal(said({ attempts: 9, errors: 9 }), '', 'too few to say anything');
  const lines = [
    { destination: 'a', reason: 'offline: x' },
    { destination: 'b', reason: 'paused 1' },
    { destination: 'c' },
    { destination: '', others: 3, reason: 'offline: x' },
  ];
  assert.deepEqual(unreachable(lines), ['a']);
});

test('what an explanation says', async () => {
  const { heldUp, idle } = await load('waits');
  assert.ok(idle({ for: '' }) && idle({ for: 'mail: there is none' }) && idle({ for: 'nothing: all is being sent' }));
  assert.ok(!idle({ for: 'offline: connection refused' }));
  assert.equal(heldUp({ waiting: { count: 100, in_hand: 20 }, plan: { items: 30 } }), 110);
  assert.equal(heldUp({ waiting: { count: 7, in_hand: 0 } }), 7);
});

test('which limits hold mail up', async () => {
  const { holding } = await load('waits');
  const lane = (source, why, ...next) => ({ source, waits: { for: why }, remotes: next.map((n) => ({ next: n })) });
  const x = {
    waits: { for: 'the limit of messages per minute' },
    plan: {
      lanes: [
        lane('192.0.2.1', 'the limit of messages per minute', { connect: 'later' }),
        lane('192.0.2.2', 'the limits of its remote addresses per minute', {}, { message: 'later' }, { connect: 'later' }),
        lane('192.0.2.3', 'mail: there is none for it'),
      ],
    },
  };
  assert.deepEqual(holding(x, '192.0.2.1'), ['domain_maxmessages']);
  assert.deepEqual(holding(x, '192.0.2.2'), ['ip_maxmessages', 'ip_maxconnects']);
  assert.deepEqual(holding(x, '192.0.2.3'), [], 'what one address waits for holds no other up');
  assert.deepEqual(holding({ ...x, waits: { for: 'room in memory' } }, '192.0.2.3'), ['domain_maxqueue']);
  assert.deepEqual(holding({ waits: { for: '' } }, '192.0.2.1'), []);
});

// A limit whose reason has other words now would not be marked any more.
test('the daemon has the words of the page for what limits hold up', async () => {
  const source = (name) => readFile(fileURLToPath(new URL(`../../internal/${name}/wait.go`, import.meta.url)), 'utf8');
  const said = (await source('schedule')) + (await source('outbox'));
  const { limitWaits } = await load('waits');
  for (const [reason] of [...limitWaits, ['the limits of its remote addresses per minute']])
    assert.ok(said.includes(`"${reason}"`), reason);
});

test('a minute that goes on', async () => {
  const { extended } = await load('series');
  const at = (s) => new Date(Date.parse('2031-05-04T09:00:00Z') + s * 1000).toISOString();
  const frame = (s, attempts) => ({
    overview: { time: at(s), counters: {}, connections: { opening: 1, active: 2, idle: 3 }, memory: 7, parked: 8 },
    point: { attempts },
  });
  const old = { start: at(0), step: 1, series: { attempts: [1, 2, 3], memory: [4, 5, 6] } };
  const next = extended(old, frame(4, 9)); // the point is of second 3
  assert.deepEqual([next.start, next.series.attempts, next.series.memory], [at(0), [1, 2, 3, 9], [4, 5, 6, 7]]);
  assert.deepEqual(extended(old, frame(3, 9)).series.attempts, [1, 2, 9], 'a second that is there');
  const gap = extended(old, frame(6, 9));
  assert.deepEqual([gap.start, gap.series.attempts], [at(0), [1, 2, 3, null, null, 9]]);
  const slept = extended(old, frame(3600, 9));
  assert.deepEqual([slept.start, slept.series.attempts.length, slept.series.attempts.at(-2)], [at(3540), 60, null]);
  assert.deepEqual(extended(old, frame(-100, 9)).series.attempts, [9], 'a clock that was set back');
});
