// The client of /api/v1: one function per question. Everything that fails becomes an ApiError with words for the user.
import type * as T from './types';

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: the daemon was not reached
    message: string,
    readonly field = '',
    readonly retryAfter = 0, // seconds
  ) {
    super(message);
  }
}

// link is what all requests share with the session.
export const link = {
  csrf: '',
  renew: async () => {}, // asks for the session again, which the daemon may have forgotten
  unauthorized: () => {}, // called when a login has run out
  reopened: async () => {}, // waits for the next one
  clock: (_serverTime: Date) => {}, // called with the time of the daemon
};

export function address(path: string, query: Query = {}): string {
  const url = new URL('api/v1/' + path, document.baseURI);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') url.searchParams.set(name, String(value));
  }
  return url.href;
}

// refusal is why a websocket would not be opened; empty: it would, or nobody knows.
export async function refusal(path: string, query: Query): Promise<string> {
  try {
    const response = await fetch(address(path, query), { headers: { Accept: 'application/json' }, cache: 'no-store' });
    if (response.ok || !response.headers.get('Content-Type')?.startsWith('application/json')) return '';
    return ((await response.json()) as { error?: string }).error ?? '';
  } catch {
    return '';
  }
}

export type Query = Record<string, string | number | undefined>;

let away = false; // the last request did not reach the daemon

interface Asked {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
}

async function request<R>(method: string, path: string, o: Asked): Promise<R> {
  const shown = link.csrf;
  let response = await send(method, path, o);
  if (response.status === 401 && path !== 'login' && path !== 'session') {
    if (link.csrf === shown) link.unauthorized(); // else there is a new session meanwhile
    if (!asks(method, path)) throw new ApiError(401, 'The session ended before this was done. Log in, and do it again.');
    await link.reopened();
    o.signal?.throwIfAborted();
    return request(method, path, o);
  }
  if (response.status === 403 && method !== 'GET' && path !== 'login') { // the token is of the daemon before it was started again
    await link.renew();
    if (link.csrf && link.csrf !== shown) response = await send(method, path, o);
  }
  if (!response.ok) throw await failure(response);
  return response.status === 204 ? (undefined as R) : ((await response.json()) as R);
}

// asks says that a request changes nothing: it can wait for a login and be made again.
const asks = (method: string, path: string): boolean => method === 'GET' || /(^|\/)(preview|test)$/.test(path);

async function send(method: string, path: string, o: Asked): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (method !== 'GET') {
    headers['Content-Type'] = 'application/json';
    headers['X-CSRF-Token'] = link.csrf;
  }
  let response: Response;
  try {
    response = await fetch(address(path, o.query), {
      method,
      headers,
      body: method === 'GET' ? undefined : JSON.stringify(o.body ?? {}),
      signal: o.signal,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (e) {
    if (o.signal?.aborted) throw e;
    away = true;
    throw new ApiError(0, 'The daemon does not answer. It may have been stopped, or the network between is cut.');
  }
  const date = response.headers.get('Date');
  if (date) link.clock(new Date(date));
  if (away) {
    away = false;
    if (path !== 'session') void link.renew();
  }
  return response;
}

async function failure(response: Response): Promise<ApiError> {
  let text = '';
  let field = '';
  try {
    const body = (await response.json()) as { error?: string; field?: string };
    text = body.error ?? '';
    field = body.field ?? '';
  } catch {
    // no JSON: some proxy has answered; its status says enough
  }
  const retryAfter = Number(response.headers.get('Retry-After')) || 0;
  return new ApiError(response.status, text || standardText(response.status), field, retryAfter);
}

function standardText(status: number): string {
  switch (status) {
    case 401:
      return 'Please log in.';
    case 403:
      return 'This is not allowed. If the page has been open for long, load it again.';
    case 404:
      return 'There is no such thing (any more).';
    case 409:
      return 'Somebody else has changed this meanwhile.';
    case 429:
      return 'Too many requests. Wait a moment.';
    case 503:
      return 'The daemon cannot do this at the moment. It is tried again.';
  }
  return `The daemon answered with an error (${status}).`;
}

const get = <R>(path: string, query?: Query, signal?: AbortSignal) => request<R>('GET', path, { query, signal });
const post = <R>(path: string, body?: unknown, signal?: AbortSignal) => request<R>('POST', path, { body, signal });
const part = encodeURIComponent;

export const api = {
  session: () => get<T.Session>('session'),
  login: (user: string, password: string) => post<void>('login', { user, password }),
  logout: () => post<void>('logout'),

  overview: (s: T.Selection, signal?: AbortSignal) => get<T.Overview>('overview', { ...s }, signal),
  history: (span: T.Span, s: T.Selection, signal?: AbortSignal) => get<T.History>('history', { span, ...s }, signal),
  sources: (signal?: AbortSignal) => get<{ sources: T.Source[] | null }>('sources', {}, signal),
  domains: (search: string, limit: number, signal?: AbortSignal) =>
    get<{ domains: T.Domain[] | null; total: number }>('domains', { search, limit }, signal),
  tags: (search: string, signal?: AbortSignal) => get<{ tags: T.Tag[] | null }>('tags', { search }, signal),
  backlog: (signal?: AbortSignal) => get<{ lines: T.BacklogLine[] | null }>('backlog', {}, signal),

  destination: (name: string, source: string, signal?: AbortSignal) =>
    get<T.Destination>(`destinations/${part(name)}`, { source }, signal),
  retry: (name: string) => post<{ count: number }>(`destinations/${part(name)}/retry`),
  fail: (name: string, reason: string) => post<{ count: number }>(`destinations/${part(name)}/fail`, { reason }),
  move: (name: string, ip: string) => post<{ count: number }>(`destinations/${part(name)}/move`, { ip }),
  previewAction: (name: string, action: { action: string; reason?: string; ip?: string }, signal?: AbortSignal) =>
    post<T.Preview>(`destinations/${part(name)}/preview`, action, signal),

  tables: (signal?: AbortSignal) => get<T.Tables>('tables', {}, signal),
  rows: (table: string, signal?: AbortSignal) => get<{ rows: T.Row[] | null; warning?: string }>(`tables/${part(table)}`, {}, signal),
  insert: (table: string, cells: T.Cells) => post<T.Saved>(`tables/${part(table)}`, { cells }),
  update: (table: string, id: number, cells: T.Cells) =>
    request<T.Saved>('PUT', `tables/${part(table)}/${id}`, { body: { cells } }),
  remove: (table: string, id: number) => request<T.Saved>('DELETE', `tables/${part(table)}/${id}`, {}),
  preview: (table: string, change: { id?: number; cells?: T.Cells; delete?: boolean }, signal?: AbortSignal) =>
    post<T.Preview>(`tables/${part(table)}/preview`, change, signal),

  changes: (before: number | undefined, signal?: AbortSignal) =>
    get<{ changes: T.Change[] | null; next?: number }>('changes', { limit: 50, before }, signal),
  undo: (change: number) => post<T.Saved>(`changes/${change}/undo`),
  previewUndo: (change: number, signal?: AbortSignal) => post<T.Preview>(`changes/${change}/preview`, {}, signal),

  testPattern: (type: string, pattern: string, text: string, signal?: AbortSignal) =>
    post<{ match: boolean; error: string }>('patterns/test', { type, pattern, text }, signal),

  generateKey: (o: T.NewKey) => post<T.Saved & { id: number; record: T.DkimRecord }>('dkim/generate', o),
  previewKey: (o: T.NewKey, signal?: AbortSignal) => post<T.Preview>('dkim/generate/preview', o, signal),
  keyRecord: (id: number) => get<T.DkimRecord>(`dkim/${id}/record`),
  checkKey: (id: number) => post<{ ok: boolean; detail: string }>(`dkim/${id}/check`),

  logs: (kind: string, query: Query, signal?: AbortSignal) => get<T.LogPage>(`logs/${part(kind)}`, query, signal),

  sendTest: (o: { envelope: string; recipient: string; subject: string; text: string; source: string }) =>
    post<{ id: string }>('test-messages', o),
  testMessage: (id: string, signal?: AbortSignal) => get<T.TestMessage>(`test-messages/${part(id)}`, {}, signal),
};
