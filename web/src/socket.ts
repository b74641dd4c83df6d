// A websocket that comes back: after 1, 2, 4 ... 30 seconds, a little apart so that many browsers do not return as one.
import { address, refusal, type Query } from './api';
import { session } from './session.svelte';

export type SocketState = 'connecting' | 'open' | 'lost';

export interface Socket {
  close(): void;
}

const longestPause = 30_000;

export function connect(
  path: string,
  query: Query,
  on: { message(data: unknown): void; state(s: SocketState): void; refused(why: string): void },
): Socket {
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = 1000;
  let closed = false;
  let opened = false;

  const open = () => {
    socket = new WebSocket(address(path, query).replace(/^http/, 'ws'));
    socket.onopen = () => {
      opened = true;
      on.refused('');
      on.state('open');
    };
    socket.onmessage = (event) => {
      pause = 1000; // it works: not only the handshake did
      on.message(JSON.parse(String(event.data)));
    };
    socket.onclose = () => {
      if (closed) return;
      on.state('lost');
      timer = setTimeout(reopen, pause * (0.75 + Math.random() / 2));
      pause = Math.min(pause * 2, longestPause);
    };
  };
  // A browser does not tell why a handshake failed: the session knows whether the login has run out, and the same question
  // without an upgrade is answered with what is wrong with it.
  const reopen = async () => {
    await session.refresh();
    await session.reopened();
    if (closed) return;
    const why = opened ? '' : await refusal(path, query);
    if (closed) return;
    on.refused(why);
    opened = false;
    open();
  };

  on.state('connecting');
  open();
  return {
    close() {
      closed = true;
      clearTimeout(timer);
      socket?.close();
    },
  };
}
