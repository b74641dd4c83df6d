// What an explanation says, in the words of the page.
import { moment, relative } from './format';
import type { Explanation, Wait } from './types';

// idle says that a wait is none: what the engine waits for is more mail, or the end of what is being sent.
export const idle = (w: Wait | undefined): boolean => !holds(w?.for);

// holds says that a reason is one for which mail waits.
export const holds = (reason: string | undefined): boolean => Boolean(reason) && !/^(mail|nothing):/.test(reason!);

// due says when something is to happen, also where its time has come.
export function due(at: string | undefined, now: number): string {
  const time = moment(at);
  if (!time) return '';
  return time.getTime() <= now ? `due since ${relative(time, now).replace(/ ago$/, '')}` : `due ${relative(time, now)}`;
}

// heldUp is how many messages there are, on disk and in memory.
export function heldUp(x: Explanation): number {
  const inMemory = x.plan ? x.plan.items - x.waiting.in_hand : 0;
  return Math.max(0, x.waiting.count + inMemory);
}
