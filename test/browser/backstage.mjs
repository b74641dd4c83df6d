// What the daemon's surroundings know: what arrived, and what others than the operator do.
import { patience } from '../../web/test/browser.mjs';

const base = process.env.BACKSTAGE;

async function ask(path, method = 'GET', body) {
  const r = await fetch(base + path, { method, body });
  if (!r.ok) throw new Error(`backstage ${path}: ${await r.text()}`);
  return r.json();
}

export const seen = (domain) => ask('/seen/' + domain); // {count, ehlo, source, server, text} of the last message
export const submit = (recipient, secret = 'x') => ask(`/submit/${encodeURIComponent(recipient)}/${encodeURIComponent(secret)}`, 'POST'); // {rcpt, data, said}
export const publish = (recipient) => ask('/publish/' + encodeURIComponent(recipient), 'POST');
export const addName = (line) => ask('/name', 'POST', line);
export const restart = () => ask('/restart', 'POST');
export const withToken = (token) => ask('/api', 'POST', token); // statuses of a look and of a change
export const compress = (word) => ask('/compress/' + encodeURIComponent(word), 'POST'); // name of the old log with the word in it

export const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

// until asks again and again, and returns the first answer that is true.
export async function until(what, ready) {
  for (const end = Date.now() + 2 * patience; ; await pause(0.15)) {
    const answer = await ready();
    if (answer) return answer;
    if (Date.now() > end) throw new Error('still waiting for ' + what);
  }
}

// arrivals counts the messages of a domain over some seconds.
export async function arrivals(domain, seconds) {
  const before = (await seen(domain)).count;
  await pause(seconds);
  return (await seen(domain)).count - before;
}

export function check(right, wrong) {
  if (!right) throw new Error(wrong);
}
