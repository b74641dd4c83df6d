// A page of somebody else in the browser of an operator who is logged in. By address it is of the same site, so that the cookie of
// the session goes along; by name it is of another one.
import { check } from './backstage.mjs';

const api = (o) => o.url + '/api/v1';
const rows = (page) => page.evaluate(async () => (await (await fetch('api/v1/tables/paused')).json()).rows?.length ?? 0);
const changes = (page) => page.evaluate(async () => (await (await fetch('api/v1/changes?limit=1')).json()).changes?.[0]?.id ?? 0);
const loggedIn = (page) => page.evaluate(async () => (await (await fetch('api/v1/session')).json()).authenticated);

async function requests(foreign, base) {
  return foreign.evaluate(async (base) => {
    const body = JSON.stringify({ cells: { target: 'stolen.test' } });
    const tries = {
      'read the session': () => fetch(base + '/session', { credentials: 'include' }).then((r) => r.text()),
      'read the overview': () => fetch(base + '/overview', { credentials: 'include' }).then((r) => r.text()),
      'change as JSON': () => fetch(base + '/tables/paused', { method: 'POST', credentials: 'include', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': 'x' }, body }),
      'delete': () => fetch(base + '/tables/capacity/1', { method: 'DELETE', credentials: 'include' }),
    };
    const silent = [['/tables/paused', body], ['/logout', ''], ['/changes/1/undo', '{}'], ['/test-messages', '{"recipient":"you@stolen.test"}']];
    for (const [path, text] of silent) await fetch(base + path, { method: 'POST', mode: 'no-cors', credentials: 'include', body: text }).catch(() => {});
    const done = [];
    for (const [name, work] of Object.entries(tries)) await work().then(() => done.push(name), () => {});
    return done;
  }, base);
}

// sockets that open are hijacked: what they say would be read.
const sockets = (foreign, base) => foreign.evaluate(async (base) => {
  const opened = [];
  for (const path of ['/live', '/monitor']) {
    await new Promise((done) => {
      const s = new WebSocket(base.replace('http', 'ws') + path);
      s.onopen = () => (opened.push(path), s.close(), done());
      s.onerror = s.onclose = done;
    });
  }
  return opened;
}, base);

// form sends one as a page can without asking, and says what came back.
async function form(foreign, site, action, text) {
  await foreign.goto(site);
  const [answer] = await Promise.all([
    foreign.waitForResponse((r) => r.url() === action),
    foreign.waitForURL(action),
    foreign.evaluate(([action, text]) => {
      const f = Object.assign(document.createElement('form'), { method: 'post', action, enctype: 'text/plain' });
      const [name, ...value] = text.split('=');
      f.append(Object.assign(document.createElement('input'), { name, value: value.join('=') }));
      document.body.append(f);
      f.submit();
    }, [action, text]),
  ]);
  return answer.status();
}

async function framed(foreign, o) {
  await foreign.evaluate((url) => new Promise((done) => {
    const f = document.createElement('iframe');
    f.onload = f.onerror = done;
    f.src = url;
    document.body.append(f);
  }), o.url);
  const inside = foreign.frames().find((f) => f !== foreign.mainFrame());
  return inside ? inside.locator('nav, input').count() : 0;
}

const attack = (address) => ['overview', async (page, o) => {
  const site = address(process.env.STRANGER);
  const before = [await rows(page), await changes(page)];
  const foreign = await page.context().newPage();
  try {
    await foreign.goto(site);
    const done = await requests(foreign, api(o));
    check(done.length === 0, 'a foreign page could ' + done.join(', '));
    const opened = await sockets(foreign, api(o));
    check(opened.length === 0, 'a foreign page opened ' + opened);
    check((await framed(foreign, o)) === 0, 'a foreign page shows the console in a frame');
    for (const [path, text] of [['/tables/paused', '{"cells":{"target":"stolen.test"},"x":"=1"}'], ['/logout', '{"a":"=1"}']]) {
      const status = await form(foreign, site, api(o) + path, text);
      check(status === 403 || status === 401 || status === 415, `the form of a foreign page to ${path}: ${status}`);
    }
  } finally {
    await foreign.close();
  }
  check((await loggedIn(page)) === true, 'a foreign page ended the session');
  const after = [await rows(page), await changes(page)];
  check(String(before) === String(after), `rows and changes were ${before}, are ${after}`);
}];

export const strangers = {
  'foreign page, same site': attack((url) => url),
  'foreign page, other site': attack((url) => url.replace('127.0.0.1', 'localhost')),
};
