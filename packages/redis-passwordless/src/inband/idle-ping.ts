import type { Clock } from "../core/clock.js";

/**
 * Sends something on a connection on which nothing has been sent for a while, because servers and what stands in
 * front of them close connections that are silent.
 */
export class IdlePing {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #ping: () => void;
  #timer: Disposable | undefined;
  #hasSent = true;

  /** @param intervalMs the longest silence is less than twice this */
  constructor(clock: Clock, intervalMs: number, ping: () => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#ping = ping;
    this.#wait();
  }

  /** Something has been sent. Called for each write, so it does no more than that. */
  sent(): void {
    this.#hasSent = true;
  }

  close(): void {
    this.#timer?.[Symbol.dispose]();
  }

  #wait(): void {
    this.#timer = this.#clock.schedule(() => {
      if (!this.#hasSent) this.#ping();
      this.#hasSent = false;
      this.#wait();
    }, this.#intervalMs);
  }
}
