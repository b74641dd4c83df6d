// What an explanation says, in the words of the page.
import type { Explanation, Wait } from './types';

// idle says that a wait is none: what the engine waits for is more mail, or the end of what is being sent.
export const idle = (w: Wait | undefined): boolean => !w?.for || w.for.startsWith('mail:') || w.for.startsWith('nothing:');

// heldUp is how many messages there are, on disk and in memory.
export function heldUp(x: Explanation): number {
  const inMemory = x.plan ? x.plan.items - x.waiting.in_hand : 0;
  return Math.max(0, x.waiting.count + inMemory);
}
