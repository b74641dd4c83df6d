// Numbers that move as those of a busy server do.
import { longDomain, rtl, script, texts } from './hostile.mjs';

export const sources = ['192.0.2.1', '192.0.2.2', '2001:db8::25'];
export const startedAt = new Date(Date.now() - 3 * 86400e3 - 7200e3);

const known = [
  'gmail.com',
  'outlook.com',
  'yahoo.com',
  'gmx.de',
  'icloud.com',
  'mail.ru',
  't-online.de',
  'xn--mnchen-3ya.example',
];
const hostile = [longDomain, `${script}.example`, `${rtl}.example`, '[IPv6:2001:db8::1]', 'relay.example:587'];
export const destinations = [...known, ...hostile];
for (let i = destinations.length; i < 1000; i++) destinations.push(`customer-${String(i).padStart(4, '0')}.example`);

// noise is the same for the same names, so that a page does not jump about between two looks.
export function noise(...names) {
  let h = 2166136261;
  for (const c of names.join('|')) h = Math.imul(h ^ c.codePointAt(0), 16777619);
  return ((h ^ (h >>> 13)) >>> 0) / 2 ** 32;
}

export function counters(scale, seed, second = Math.floor(Date.now() / 1000)) {
  const wave = 1 + 0.3 * Math.sin(second / 17) + 0.2 * noise(seed, second);
  const attempts = Math.round(scale * wave);
  const errors = Math.round(attempts * (0.05 + 0.05 * noise(seed, 'e')));
  const strange = Math.round(attempts * 0.01 * (1 + noise(seed, second, 's')));
  return {
    connects: Math.round(attempts * 0.2),
    reuses: Math.round(attempts * 0.8),
    attempts,
    deliveries: attempts - errors - strange,
    errors,
    strange,
    not_tried: Math.round(attempts * 0.03 * noise(seed, 'n', second)),
  };
}

export function connectionsOf(scale, seed, second = Math.floor(Date.now() / 1000)) {
  return {
    opening: Math.round(scale * 0.1 * noise(seed, second)),
    active: Math.round(scale * (0.7 + 0.3 * noise(seed, second, 'a'))),
    idle: Math.round(scale * 0.3 * noise(seed, second, 'i')),
  };
}

export function scaleOf(selection) {
  let scale = 240_000;
  if (selection.source) scale /= 3;
  if (selection.domain) scale *= weight(selection.domain);
  if (selection.tag) scale *= 0.2;
  return scale;
}

export const weight = (domain) => {
  const i = destinations.indexOf(domain);
  return i < 0 ? 0 : 0.3 / (i + 1) ** 1.2;
};

export function reasonOf(domain) {
  const i = destinations.indexOf(domain);
  if (domain === 'gmail.com') return 'the limit of messages per minute';
  if (domain === 'yahoo.com') return 'the pause of the flood pattern “slow down”';
  if (i >= known.length && i < destinations.length && i < 14) return 'offline: ' + texts[i % texts.length];
  return i > 0 && i % 9 === 0 ? 'offline: dial tcp 203.0.113.7:25: connect: connection refused' : '';
}

export function point(selection, second) {
  const perSecond = scaleOf(selection) / 60;
  return {
    ...counters(perSecond, JSON.stringify(selection), second),
    ...connectionsOf(perSecond / 10, JSON.stringify(selection), second),
    memory: Math.round(perSecond * 4 * (1 + noise('m', second))),
    parked: Math.round(perSecond * 30 * (1.2 + Math.sin(second / 40))),
  };
}

export function history(span, selection) {
  const step = { minute: 1, hour: 60, day: 600 }[span] ?? 1;
  const length = span === 'day' ? 144 : 60;
  const end = Math.floor(Date.now() / 1000 / step) * step;
  const series = {};
  for (let i = 0; i < length; i++) {
    const values = point(selection, end - (length - 1 - i) * step);
    for (const [name, value] of Object.entries(values)) (series[name] ??= []).push(span === 'day' && i < 20 ? null : value);
  }
  return { start: new Date((end - (length - 1) * step) * 1000).toISOString(), step, series };
}
