import { setTimeout as sleep } from "node:timers/promises";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    stop.abort();
    // Without Redis there is no end in order, and no end of waiting for it.
    setTimeout(() => {
      console.error("Not everything has ended in time.");
      process.exit(1);
    }, 20_000).unref();
  });
}

/**
 * Aborted by Ctrl-C and SIGTERM: finish what has begun, close, and exit with 0.
 *
 * @type {AbortSignal}
 */
export const stopped = stop.signal;

/**
 * Waits until something has become true, for ten seconds at most; whoever needs it looks again.
 *
 * @param {() => boolean} isTrue
 */
export async function until(isTrue) {
  for (const endMs = Date.now() + 10_000; !isTrue() && Date.now() < endMs; ) await sleep(20);
}
