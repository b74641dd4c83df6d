// The shapes of /api/v1, with its names. Times are RFC 3339 in UTC.

export interface Counters {
  connects: number;
  reuses: number;
  attempts: number;
  deliveries: number;
  errors: number;
  strange: number;
  not_tried: number;
}

export interface Connections {
  opening: number;
  active: number;
  idle: number;
  incoming?: number;
}

export interface Instance {
  hostname: string;
  version: string;
  started: string;
  server_id: number;
  queue: string;
  sources: string[];
}

export interface Session {
  login: 'none' | 'password' | 'user';
  authenticated: boolean;
  user?: string;
  csrf?: string;
  instance?: Instance;
}

// Selection is what a view is about; empty parts are all.
export interface Selection {
  source?: string;
  domain?: string;
  tag?: string;
}

export interface Problem {
  level: 'warning' | 'critical';
  text: string;
}

export interface Overview {
  time: string;
  counters: Counters;
  connections: Connections;
  memory: number;
  parked: number;
  paused: boolean;
  consuming: boolean;
  problems: Problem[] | null;
}

export type SeriesName = keyof Counters | 'memory' | 'parked' | 'opening' | 'active' | 'idle';
export type Span = 'minute' | 'hour' | 'day';

export interface History {
  start: string;
  step: number; // seconds
  series: Partial<Record<SeriesName, (number | null)[]>>;
}

export interface LiveFrame {
  overview: Overview;
  point: Partial<Record<SeriesName, number | null>>;
}

export interface Source {
  ip: string;
  name: string;
  name_from: string;
  counters: Counters;
  connections: Connections;
  memory: number;
  parked: number;
  paused: boolean;
}

export interface Domain {
  domain: string;
  counters: Counters;
  connections: Connections;
  memory: number;
  parked: number;
  reason?: string;
  next?: string;
  paused: boolean;
}

export interface Tag {
  tag: string;
  counters: Counters;
  paused: boolean;
}

export interface BacklogLine {
  destination: string;
  others?: number;
  memory: number;
  waiting: number;
  since?: string;
  reason?: string;
  next?: string;
}

export interface Answer {
  text: string;
  code?: number;
  status?: string;
  state: string;
  result: string;
  count: number;
  last: string;
  example_recipient?: string;
}

export interface Destination {
  explanation: Explanation;
  counters: Counters;
  answers: Answer[] | null;
}

export interface Wait {
  for: string;
  since?: string;
  next?: string;
}

export interface Trouble {
  error: string;
  since?: string;
  until?: string;
}

export interface LimitInForce {
  name: string;
  value: string;
  from: string; // "capacity 12", "flood_responses 3" or "built-in"
}

export interface Pause {
  id?: number;
  source?: string;
  domain?: string;
  remote?: string;
  tag?: string;
  expire?: string;
  memory?: boolean;
}

export interface SourceExplanation {
  source?: string;
  name?: string;
  delegate?: string;
  row?: number;
  not_own?: boolean;
  pause?: Pause;
  limits: LimitInForce[] | null;
}

export interface Target {
  host: string;
  addr: string;
  preference: number;
  secure?: boolean;
}

export interface Moments {
  message?: string;
  bytes?: string;
  connect?: string;
}

export interface Flood {
  id: number;
  name: string;
  since: string;
  paused?: string;
  reduced?: string;
}

export interface Remote {
  addr: string;
  connections: number;
  opening: number;
  idle: number;
  next: Moments;
  offline?: Trouble;
  paused?: boolean;
}

export interface Lane {
  source: string;
  connections: number;
  opening: number;
  idle: number;
  closing: number;
  sent: number;
  waits: Wait;
  next: Moments;
  offline?: Trouble;
  bind?: Trouble;
  classes?: ({ class: Record<string, string> } & Trouble)[];
  floods?: Flood[];
  remotes?: Remote[];
}

export interface Place {
  sources?: string;
  hold?: string;
  count: number;
  next_due?: string;
  since?: string;
}

export interface Explanation {
  destination: string;
  time: string;
  waits: Wait;
  sources: SourceExplanation[] | null;
  domains?: string[];
  pauses?: Pause[];
  route: { targets?: Target[]; expires?: string; fixed?: boolean; error?: string };
  waiting: {
    count: number;
    in_hand: number;
    due: number;
    at_least: boolean;
    next_due?: string;
    since?: string;
    places?: Place[];
  };
  plan?: {
    items: number;
    waiting: number;
    retries: number;
    in_hand: number;
    room: number;
    oldest?: string;
    service: number; // nanoseconds
    rate: number; // messages a second
    looking: boolean;
    failure?: Trouble;
    lanes?: Lane[];
  };
}

export type Cell = string | number | boolean | null;
export type Cells = Record<string, Cell>;

export interface Column {
  name: string;
  type: 'int' | 'text' | 'longtext' | 'time' | 'bool' | 'ip' | 'domain' | 'choice';
  choices?: string[] | null;
  unset?: number;
  secret?: boolean;
  help?: string;
}

export interface Table {
  name: string;
  title: string;
  columns: Column[];
}

export interface Tables {
  tables: Table[];
  writable: boolean;
  why?: string;
}

export interface Row {
  id: number;
  cells: Cells;
  problem?: string; // why it does not count
  warning?: string; // it counts, but
  state?: 'memory' | 'pending' | 'unread'; // in force and not stored; stored and not in force; as it was read last. None: as it stands
  who?: string; // has made one that is in memory
  since?: string;
  has?: string[]; // the secret cells that are set
}

export interface Saved {
  id?: number;
  change: number; // 0: a pause that is held in memory, as the database cannot be written
  token?: string; // a new one, shown once
  pending?: string; // it is stored but not in force yet: why, and when it will be
  warning?: string; // why it may not do what it seems to
}

export interface Effect {
  text: string;
  messages: number;
  destinations: string[] | null;
  more: number;
  limits?: { name: string; before: string; after: string }[] | null;
  memory?: number; // of messages: those in memory, and
  parked?: number; // those that wait on disk,
  oldest?: string; // since when
  final?: string; // why it could not be undone
  warning?: string; // why it may not do what it seems to
}

export interface Preview {
  problem: string;
  field?: string; // that the problem is about
  effect?: Effect; // none where there is a problem
}

export interface Change {
  id: number;
  time: string;
  who: string;
  table: string;
  row: number;
  action: 'insert' | 'update' | 'delete' | 'retry' | 'fail' | 'move' | 'evacuate' | 'calm' | 'resume'; // the last six: what was done with mail
  before: Cells | null;
  after: Cells | null;
  undone: boolean;
  undo_of?: number;
  part_of?: number; // the change that leads this one: both are undone as one
  final?: string; // why it cannot be undone
}

export interface NewKey {
  domain: string;
  selector: string;
  algorithm: string;
  bits?: number;
  patterns: { type: string; sign: string }[];
}

export interface DkimRecord {
  name: string;
  value: string;
  zone: string;
}

export interface LogLine {
  time?: string;
  attempt?: number;
  report?: boolean;
  email?: Record<string, unknown>;
  result?: Record<string, unknown>;
  text?: string; // the line as it stands in the file, where it has no parts
}

export interface LogPage {
  lines: LogLine[] | null;
  cursor: string;
  scanned_bytes: number;
  oldest?: string;
  complete: boolean;
}

export interface TestEvent {
  time: string;
  what: 'accepted' | 'delivered' | 'failed' | 'retry' | 'waiting';
  text: string;
  result?: Record<string, unknown>;
}

export interface TestMessage {
  id: string;
  events: TestEvent[] | null;
  done: boolean;
}

export interface MonitorLine {
  time: string;
  session: string | number;
  direction: 'in' | 'out';
  who: 'us' | 'them' | 'note';
  text: string;
  local?: string;
  remote?: string;
  domain?: string;
}
