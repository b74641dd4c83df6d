// What the numbers of the last minute mean, in words. The daemon tells its own problems; this is about the receivers.
import { count, group } from './format';
import type { BacklogLine, Overview, Problem } from './types';

const few = 10; // attempts: of fewer no share is told
const refusedShare = 0.2;
const strangeShare = 0.1;

export function judge(now: Overview): Problem[] {
  const { attempts, errors, strange, not_tried } = now.counters;
  const found: Problem[] = [];
  const warn = (text: string) => found.push({ level: 'warning', text });
  if (not_tried > 0) {
    warn(
      `${count(not_tried, 'message')} of the last minute failed without a connection: a destination is offline, or cannot be found in the DNS.`,
    );
  }
  if (attempts >= few && errors / attempts >= refusedShare) {
    warn(`Servers refused ${group(errors)} of ${group(attempts)} attempts in the last minute.`);
  }
  if (attempts >= few && strange / attempts >= strangeShare) {
    warn(
      `${group(strange)} of ${group(attempts)} attempts in the last minute ended in timeouts, lost connections or invalid answers.`,
    );
  }
  return found;
}

// unreachable are the destinations whose mail waits because nobody can be reached.
export const unreachable = (lines: BacklogLine[]): string[] =>
  lines.filter((l) => /^(offline|the lookup failed)/.test(l.reason ?? '') && !l.others).map((l) => l.destination);
