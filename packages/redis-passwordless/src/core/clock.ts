/** Time as a dependency: tests hand in a clock that they move by hand. */
export interface Clock {
  /** Wall-clock time in epoch milliseconds. It may jump in either direction. */
  now(): number;
  /**
   * Calls `fn` once, `delayMs` milliseconds from now. A delay beyond 2³¹ − 1 ms is cut to it, so whoever
   * schedules looks at the time again when called. Only with `keepAlive` does it keep the process alive.
   */
  schedule(fn: () => void, delayMs: number, options?: { readonly keepAlive?: boolean }): Disposable;
}

/** Node's timers overflow to 1 ms above this (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** The real clock. Its timers are unreferenced by default: a pending refresh keeps no finished process open. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(fn, delayMs, { keepAlive = false } = {}) {
    const timer = setTimeout(fn, Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS));
    if (!keepAlive) timer.unref();
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** How far the clock must be set back to matter, in milliseconds; time services correct less than that smoothly. */
const CLOCK_STEP_MS = 2_000;

/**
 * A clock that is never set back: between two looks time can only have passed, so when the wall clock says
 * otherwise, it goes on from where it was. Ends of tokens that were read before stay comparable with `now()`.
 */
export class SteadyClock implements Clock {
  readonly #clock: Clock;
  #lastMs = Number.NEGATIVE_INFINITY;
  #aheadMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How far this clock is ahead of the wall clock, in milliseconds: the sum of all steps back. */
  get aheadMs(): number {
    return this.#aheadMs;
  }

  now(): number {
    const nowMs = this.#clock.now() + this.#aheadMs;
    if (nowMs < this.#lastMs - CLOCK_STEP_MS) {
      this.#aheadMs += this.#lastMs - nowMs;
      return this.#lastMs;
    }
    this.#lastMs = nowMs;
    return nowMs;
  }

  schedule(fn: () => void, delayMs: number, options?: { readonly keepAlive?: boolean }): Disposable {
    return this.#clock.schedule(fn, delayMs, options);
  }
}
