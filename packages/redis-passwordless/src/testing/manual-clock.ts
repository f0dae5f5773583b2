import type { Clock } from "../core/clock.js";

interface Timer {
  readonly atMs: number;
  readonly fn: () => void;
}

/**
 * A clock that stands still until a test moves it. Sockets and promises keep working: nothing global is patched.
 *
 * @example
 * ```ts
 * const clock = new ManualClock();
 * const manager = new TokenManager(provider, {}, { clock });
 * await clock.advance(42 * 60_000);
 * ```
 */
export class ManualClock implements Clock {
  #wallMs: number;
  #elapsedMs = 0;
  readonly #timers = new Set<Timer>();

  /** @param startMs the wall clock at the start, in epoch milliseconds */
  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#wallMs = startMs;
  }

  now(): number {
    return this.#wallMs;
  }

  schedule(fn: () => void, delayMs: number): Disposable {
    const timer: Timer = { atMs: this.#elapsedMs + Math.max(delayMs, 0), fn };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Timers that have not fired and were not disposed. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Lets time pass: fires every timer that comes due, in order, and lets promises settle in between. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#elapsedMs + durationMs;
    await settle();
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#pass(timer.atMs - this.#elapsedMs);
      this.#timers.delete(timer);
      timer.fn();
      await settle();
    }
    this.#pass(endMs - this.#elapsedMs);
    await settle();
  }

  /** Moves the wall clock only, as a clock correction or a suspended machine does; timers do not notice. */
  step(byMs: number): void {
    this.#wallMs += byMs;
  }

  #pass(durationMs: number): void {
    this.#elapsedMs += durationMs;
    this.#wallMs += durationMs;
  }

  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= endMs && (next === undefined || timer.atMs < next.atMs)) next = timer;
    }
    return next;
  }
}

/** Lets everything that is ready to run do so: promise reactions, and what they schedule for this turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
