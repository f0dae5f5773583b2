import type { Socket } from "node:net";
import type { Clock } from "../../core/clock.js";

/** How long a connection stays at most that its client has left, in milliseconds. */
const LONGEST_MS = 1;

/**
 * Closes connections that clients have left. For a client with a single question that takes a fifth of the time of all,
 * and the next client may be waiting already: so it is done while a server works on what somebody has asked.
 */
export class Farewells {
  readonly #clock: Clock;
  readonly #left: Socket[] = [];
  #isTimed = false;
  #isNext = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Closes this connection soon. */
  add(socket: Socket): void {
    this.#left.push(socket);
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#clock.schedule(() => {
      this.#isTimed = false;
      this.closeAll();
    }, LONGEST_MS);
  }

  /** Something has been sent to a server, whose answer takes its time. */
  takeTime(): void {
    if (this.#left.length === 0 || this.#isNext) return;
    this.#isNext = true;
    setImmediate(() => {
      this.#isNext = false;
      this.closeAll();
    });
  }

  closeAll(): void {
    for (const socket of this.#left.splice(0)) socket.destroy();
  }
}
