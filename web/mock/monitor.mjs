// An endless dialogue with servers that say odd things.
import { rtl, script, texts } from './hostile.mjs';
import { destinations, sources } from './traffic.mjs';

const dialogue = (domain) => [
  ['note', 'connected'],
  ['them', `220 mx.${domain} ESMTP ${script}`],
  ['us', 'EHLO mta1.example.com'],
  ['them', '250-SIZE 35882577'],
  ['them', '250 PIPELINING'],
  ['us', 'AUTH PLAIN ****'],
  ['us', 'MAIL FROM:<bounces@example.com>'],
  ['them', '250 2.1.0 OK'],
  ['us', `RCPT TO:<ann@${domain}>`],
  ['them', texts[domain.length % texts.length]],
  ['us', 'RSET'],
  ['them', `250 ${rtl}`],
  ['note', 'content: 18,231 bytes'],
];

let session = 1;

export function watch(query, send) {
  const direction = query.get('direction');
  const run = () => {
    const domain = query.get('domain') || destinations[Math.floor(Math.random() * 40)];
    const way = direction || (session % 4 ? 'out' : 'in');
    const id = session++;
    for (const [who, text] of dialogue(domain)) {
      send({
        time: new Date().toISOString(),
        session: String(id),
        direction: way,
        who,
        text,
        local: sources[id % 3],
        remote: '203.0.113.9',
        domain,
      });
    }
    if (id % 10 === 0) send({ dropped: 37 });
  };
  run();
  const timer = setInterval(run, 200);
  return () => clearInterval(timer);
}
