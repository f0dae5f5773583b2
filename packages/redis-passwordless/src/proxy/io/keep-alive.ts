import type { Socket } from "node:net";
import type { Clock } from "../../core/clock.js";

/** How long a client stays at most before TCP looks after it, in milliseconds. */
const NEWCOMER_MS = 5_000;

/** TCP probes of a silent client, in milliseconds: one whose machine has vanished says nothing, and would stay for ever. */
const PROBE_MS = 60_000;

/**
 * Has TCP look after clients, once they have stayed a while: for one who has a single question, asking the system for it
 * would take a tenth of the time of all.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #newcomers = new Set<Socket>();
  #timer: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(client: Socket): void {
    this.#newcomers.add(client);
    if (this.#timer !== undefined) return;
    this.#timer = this.#clock.schedule(() => {
      this.#timer = undefined;
      for (const newcomer of this.#newcomers) newcomer.setKeepAlive(true, PROBE_MS);
      this.#newcomers.clear();
    }, NEWCOMER_MS);
  }

  /** It has gone. */
  delete(client: Socket): void {
    this.#newcomers.delete(client);
  }
}
