// Log files that never end: a line is made from its number.
import { rtl, script, texts } from './hostile.mjs';
import { destinations, noise, sources } from './traffic.mjs';

const total = 2000;
const began = Date.now();

function line(kind, n) {
  const domain = destinations[Math.floor(noise('d', n) * 40)];
  const good = noise('r', n) > 0.3;
  const time = new Date(began - n * 700).toISOString();
  const email = {
    envelope: 'bounces@example.com',
    recipient: `user${n}@${domain}`,
    tags: n % 5 ? ['invoice'] : [`newsletter ${script}`],
    subject: rtl,
    ...(kind === 'received' ? { connection: { 'remote-ip': '198.51.100.7', 'local-ip': sources[0] } } : {}),
  };
  const result = good
    ? {
        attempt: 1,
        state: 'message',
        result: 'accepted',
        time,
        from: sources[n % 3],
        to: '203.0.113.9',
        mta: 'mx1.' + domain.slice(0, 40),
        code: 250,
        status: '2.0.0',
        description: 'queued as ' + n,
      }
    : {
        attempt: 2,
        state: 'rcptto',
        result: 'error',
        time,
        from: sources[n % 3],
        to: '203.0.113.10',
        mta: script,
        code: 550,
        status: '5.1.1',
        description: texts[n % texts.length],
      };
  const text = `[${time.slice(0, 19).replace('T', ' ')}] ${result.state}:${result.result} ${result.attempt} <${email.envelope}> <${email.recipient}> [${result.from}] [${result.to}] ${result.code} ${result.status} ${result.description}`;
  return kind === 'received'
    ? { time, email, text: `[${time}] <${email.envelope}> <${email.recipient}> [198.51.100.7]` }
    : { time, attempt: result.attempt, email, result, text };
}

const tests = {
  recipient: (l, v) => l.email.recipient.includes(v),
  domain: (l, v) => l.email.recipient.endsWith('@' + v),
  envelope: (l, v) => l.email.envelope.includes(v),
  source: (l, v) => l.result?.from === v,
  remote: (l, v) => l.result?.to === v,
  state: (l, v) => l.result?.state === v,
  result: (l, v) => l.result?.result === v,
  code: (l, v) => String(l.result?.code) === v,
  text: (l, v) => l.text.includes(v),
  tag: (l, v) => l.email.tags.includes(v),
  from: (l, v) => l.time >= v,
  until: (l, v) => l.time <= v,
};

export function search(kind, query) {
  const limit = Number(query.get('limit') || 100);
  const lines = [];
  let n = Number(query.get('cursor') || 0);
  for (; n < total && lines.length < limit; n++) {
    const l = line(kind, n);
    if ([...query].every(([name, v]) => !tests[name] || tests[name](l, v))) lines.push(l);
  }
  return {
    lines,
    cursor: n < total ? String(n) : '',
    scanned_bytes: n * 180,
    oldest: new Date(began - n * 700).toISOString(),
    complete: n >= total || lines.length >= limit,
  };
}
