/** A failure is heard of this much later, at most, in milliseconds. */
const GRACE_MS = 1_000;

/**
 * The time in which Redis was away. What was under way then may fail: nobody can keep a promise for a server
 * that is not there. Such failures are counted apart.
 */
export class RestartWindow {
  /** Epoch milliseconds. */
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.POSITIVE_INFINITY;

  open() {
    this.#fromMs = Date.now();
  }

  close() {
    this.#toMs = Date.now();
  }

  /** How long Redis was away, in milliseconds. */
  get durationMs() {
    return this.#toMs === Number.POSITIVE_INFINITY ? 0 : this.#toMs - this.#fromMs;
  }

  /**
   * Whether this instant lies in it.
   *
   * @param {number} atMs
   */
  includes(atMs) {
    return atMs >= this.#fromMs && atMs <= this.#toMs;
  }

  /**
   * Whether something that began at this instant, and failed now, failed because of it.
   *
   * @param {number} beganAtMs
   */
  excuses(beganAtMs) {
    const nowMs = Date.now();
    return beganAtMs <= this.#toMs && nowMs >= this.#fromMs && nowMs <= this.#toMs + GRACE_MS;
  }
}
