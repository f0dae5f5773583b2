/** Time as a dependency: tests hand in a clock that they move by hand. */
export interface Clock {
  /** Wall-clock time in epoch milliseconds. It may jump in either direction. */
  now(): number;
  /**
   * Calls `fn` once, `delayMs` milliseconds from now; never keeps the process alive by itself.
   * A delay beyond 2³¹ − 1 ms is cut to it, so whoever schedules looks at the time again when called.
   */
  schedule(fn: () => void, delayMs: number): Disposable;
}

/** Node's timers overflow to 1 ms above this (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The real clock. Its timers are unreferenced: a pending refresh does not keep a finished process open. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(fn, delayMs) {
    const timer = setTimeout(fn, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS));
    timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
