// A destination on a bad night.
import { controls, long, rtl, script, texts } from './hostile.mjs';
import { counters, noise, reasonOf, scaleOf, sources } from './traffic.mjs';

const at = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();
const limit = (name, value, from) => ({ name, value, from });

export function destination(name) {
  const reason = reasonOf(name);
  const trouble = { error: texts[0], since: at(-95), until: at(145) };
  const limits = [
    limit('domain_maxmessages', '6000', 'capacity 2'),
    limit('domain_maxconnections', '40', 'capacity 2'),
    limit('ip_maxconnections', '20', 'capacity 1'),
    limit('ip_maxstarting', '1', 'built-in'),
    limit('connection_maxidletime', '5s', 'built-in'),
    limit('secure', 'required', 'capacity 2'),
    limit('domain_maxqueue', '500', 'capacity 1'),
    limit('domain_maxconnects', 'unlimited', 'built-in'),
  ];
  const lane = (source, i) => ({
    source,
    group: name,
    key: name,
    connections: 4 - i,
    opening: 1,
    idle: 1,
    closing: 0,
    sent: 88_120 + i,
    waits: { for: (i < 2 && reason) || 'nothing: all its messages are being sent', since: at(-2), next: at(1) },
    limits: {},
    next: { message: at(1) },
    ...(i === 1 ? { offline: trouble, floods: [{ id: 6, name: `slow down ${script}`, since: at(-30), paused: at(30) }] } : {}),
    remotes: [
      { addr: '203.0.113.9', connections: 3, opening: 1, idle: 1, next: {} },
      { addr: '203.0.113.10', connections: 0, opening: 0, idle: 0, next: {}, offline: trouble, paused: i === 0 },
    ],
  });
  return {
    explanation: {
      destination: name,
      time: at(0),
      waits: reason ? { for: reason, since: at(-200), next: at(40) } : { for: 'mail: there is none', since: at(-20) },
      sources: sources.map((source, i) => ({
        source,
        name: i === 0 ? 'mta1.example.com' : '',
        limits: i === 1 ? [limit('domain_maxmessages', '60', 'flood_responses 6'), ...limits.slice(1)] : limits,
        ...(i === 2 ? { pause: { id: 9, source, domain: name } } : {}),
      })),
      domains: name === 'gmail.com' ? ['gmail.com', 'googlemail.com'] : undefined,
      pauses:
        name === 'mail.ru' || name === 'gmail.com' ? [{ id: 9, source: sources[2], domain: name, expire: at(3600) }] : undefined,
      route: {
        targets: [
          { host: 'mx1.' + name.slice(0, 60), addr: '203.0.113.9', preference: 10 },
          { host: script, addr: '203.0.113.10', preference: 20 },
        ],
        expires: at(1500),
      },
      waiting: {
        count: 12_034,
        in_hand: 20,
        due: 1000,
        at_least: true,
        next_due: at(61),
        since: at(-7400),
        places: [
          { count: 12_000, next_due: at(61) },
          { count: 34, hold: 'newsletter', sources: '192.0.2.2' },
        ],
      },
      plan: {
        site: name,
        group: name,
        key: name,
        items: 480,
        backlog: 12_000,
        waiting: 460,
        retries: 30,
        in_hand: 20,
        room: 40,
        oldest: at(-300),
        service: 340e6,
        rate: 95.2,
        looking: false,
        waits: {},
        lanes: sources.map(lane),
      },
    },
    counters: counters(scaleOf({ domain: name }), name),
    answers: [
      {
        text: `${script} user unknown ${rtl}`,
        code: 550,
        status: '5.1.1',
        state: 'rcptto',
        result: 'error',
        count: 1234,
        last: at(-1),
        example_recipient: `"><script>@${name}`,
      },
      {
        text: `slow down ${long}`,
        code: 421,
        status: '4.7.28',
        state: 'mailfrom',
        result: 'error',
        count: 433,
        last: at(-4),
        example_recipient: 'ann@' + name,
      },
      { text: controls, state: 'connect', result: 'timeout', count: Math.round(100 * noise(name)), last: at(-400) },
    ],
    forced: [],
  };
}
