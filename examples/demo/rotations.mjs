import { EventEmitter, once } from "node:events";

/** Follows each new token onto the open connections. */
export class Rotations {
  /** Rotations that are over: the token is everywhere, or the next one has come. */
  over = 0;
  /** Those of them whose token did not get everywhere. */
  incomplete = 0;
  /** Logins on open connections. */
  logins = 0;
  /** Tokens so far, the first included. */
  tokens = 0;
  /** The current token, and on how many connections it has been put. */
  current = { startedAtMs: 0, expiresAtMs: 0, connections: 0 };
  #stage;
  #journal;
  #changes = new EventEmitter();

  /**
   * @param {import("./stage.mjs").Stage} stage
   * @param {import("./journal.mjs").Journal} journal
   */
  constructor(stage, journal) {
    this.#stage = stage;
    this.#journal = journal;
    stage.identity.on("tokenRefreshed", ({ token }) => this.#begin(token));
    stage.identity.on("reauthenticated", ({ token }) => {
      this.logins += 1;
      if (token.expiresAtMs === this.current.expiresAtMs) this.#spread();
    });
  }

  /**
   * Resolves when that many rotations are over.
   *
   * @param {number} rotations
   * @param {AbortSignal} signal
   */
  async untilOver(rotations, signal) {
    while (this.over < rotations) await once(this.#changes, "over", { signal });
  }

  /** @param {{ receivedAtMs: number, expiresAtMs: number }} token */
  #begin({ receivedAtMs: startedAtMs, expiresAtMs }) {
    const { connections } = this.#stage;
    if (this.tokens > 1 && this.current.connections < connections) {
      this.incomplete += 1;
      this.#end(`the new token came to ${this.current.connections} of ${connections} connections`, "bad");
    }
    this.tokens += 1;
    this.current = { startedAtMs, expiresAtMs, connections: 0 };
  }

  #spread() {
    const { connections } = this.#stage;
    this.current.connections += 1;
    if (this.current.connections === connections) {
      this.#end(`the new token is on all ${connections} connections`, "good");
    }
  }

  /**
   * @param {string} how
   * @param {"good" | "bad"} mood
   */
  #end(how, mood) {
    this.over += 1;
    this.#journal.write(`rotation ${this.over}: ${how}`, mood);
    this.#changes.emit("over");
  }
}
