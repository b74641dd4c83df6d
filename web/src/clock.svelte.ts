// The time of the daemon: relative words must be right also where the clock of this machine is not.
import { link } from './api';

class Clock {
  now = $state(Date.now());
  private offset = 0;

  constructor() {
    setInterval(() => (this.now = Date.now() + this.offset), 1000);
  }

  set(serverTime: Date): void {
    const offset = serverTime.getTime() - Date.now();
    // Date headers have whole seconds: less than two of difference is none.
    this.offset = Math.abs(offset) < 2000 ? 0 : offset;
  }
}

export const clock = new Clock();
link.clock = (t) => clock.set(t);
