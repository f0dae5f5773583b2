import type { Clock } from "../core/clock.js";

/** Nobody answered in time; to rules and readers it looks like the operating system's own timeout. */
export class TimeUp extends Error {
  readonly code = "ETIMEDOUT";

  constructor(what: string, waitedMs: number) {
    super(`${what} within ${seconds(waitedMs)}`);
    this.name = "TimeUp";
  }
}

/**
 * Runs work that ends: after `limitMs`, or when the signal aborts, the result is a rejection even where the work
 * itself does not watch its signal. What it still does then is nobody's concern.
 *
 * @throws {TimeUp}
 * @throws the signal's reason, and whatever the work throws
 */
export async function within<T>(
  clock: Clock,
  limitMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const own = new AbortController();
  const onOuter = (): void => own.abort(outer.reason);
  outer.addEventListener("abort", onOuter, { once: true });
  // Whoever waits for a name server has no socket that would keep the process alive.
  const timer = clock.schedule(() => own.abort(new TimeUp("no answer", limitMs)), limitMs, {
    keepAlive: true,
  });
  try {
    return await Promise.race([rejection(own.signal), work(own.signal)]);
  } finally {
    timer[Symbol.dispose]();
    outer.removeEventListener("abort", onOuter);
    // Ends whatever the work has left running.
    own.abort(new Error("nobody waits any more"));
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  aborted.catch(() => {});
  return aborted;
}

/** Resolves after this many milliseconds. @throws the signal's reason */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = clock.schedule(resolve, delayMs, { keepAlive: true });
    signal.addEventListener(
      "abort",
      () => {
        timer[Symbol.dispose]();
        reject(signal.reason as Error);
      },
      { once: true },
    );
  });
}

/** Milliseconds on a clock that nobody sets, to measure by. */
export function stopwatch(): () => number {
  const startMs = performance.now();
  return () => Math.round((performance.now() - startMs) * 10) / 10;
}

export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Number((ms / 1_000).toFixed(1))} s`;
}
