import { setTimeout as sleep } from "node:timers/promises";
import { applied, Ledger } from "../ledger.mjs";
import { Tally } from "../tally.mjs";
import { Loop } from "./loop.mjs";

/** @typedef {import("../stage.mjs").Client} Client */

/** A hand-written transaction is open for this long, so that every rotation meets one. */
const THINKING_MS = 4;

/** Transactions on two counters: both answers of EXEC must be there, be equal, and belong to this transaction. */
class Transactions {
  /**
   * @param {{ label: string, key: string, stage: import("../stage.mjs").Stage, client: Client,
   *   restart: import("../restart-window.mjs").RestartWindow,
   *   run: (client: Client, keys: [string, string]) => Promise<unknown> }} init
   */
  constructor({ label, key, stage, client, restart, run }) {
    this.tally = new Tally(label, restart);
    this.tallies = [this.tally];
    this.client = client;
    this.keys = /** @type {[string, string]} */ ([`${key}:a`, `${key}:b`]);
    this.ledger = new Ledger();
    this.loop = new Loop(stage.curtain.signal);
    this.run = run;
  }

  async start() {
    this.loop.start(() => this.#step(), 10);
  }

  async stop() {
    await this.loop.stop();
  }

  /** @param {number} sinceMs */
  isBackSince(sinceMs) {
    return this.tally.lastDoneAtMs > sinceMs;
  }

  async #step() {
    const beganAtMs = Date.now();
    try {
      const replies = await this.run(this.client, this.keys);
      if (this.#areRight(replies)) return this.tally.count();
      this.tally.wrong += 1;
      this.tally.note(`EXEC answered ${JSON.stringify(replies)}`);
    } catch (error) {
      this.ledger.leaveOpen();
      this.tally.fail(error, beganAtMs);
      await sleep(100);
    }
  }

  /** @param {unknown} replies */
  #areRight(replies) {
    if (!Array.isArray(replies) || replies.length !== 2) return false;
    return replies[0] === replies[1] && this.ledger.accept(Number(replies[0]));
  }

  /**
   * @param {Client} server
   * @returns {Promise<import("../checks.mjs").Check[]>}
   */
  async verify(server) {
    const [a, b] = await Promise.all(this.keys.map(async (key) => Number(await server.get(key))));
    return [
      {
        isMet: a === b && this.ledger.agreesWith(Number(a)) && this.tally.wrong === 0,
        claim: `${this.tally.label}: own replies only`,
        observed: applied(this.ledger.acknowledged, Number(a)),
      },
    ];
  }
}

/**
 * `client.multi()` sends its commands in one go.
 *
 * @param {import("../stage.mjs").Stage} stage
 * @param {import("../restart-window.mjs").RestartWindow} restart
 */
export function chainedTransactions(stage, restart) {
  return new Transactions({
    label: "client.multi()",
    key: "demo:chained",
    stage,
    client: stage.client(),
    restart,
    run: (client, [a, b]) => client.multi().incr(a).incr(b).exec(),
  });
}

/**
 * A transaction by hand stays open between its commands; a login in between would become part of it. Without
 * an offline queue, no half of it is sent on the next connection.
 *
 * @param {import("../stage.mjs").Stage} stage
 * @param {import("../restart-window.mjs").RestartWindow} restart
 */
export function handWrittenTransactions(stage, restart) {
  return new Transactions({
    label: "MULTI … EXEC by hand",
    key: "demo:by-hand",
    stage,
    client: stage.attachedClient({ disableOfflineQueue: true }),
    restart,
    async run(client, keys) {
      await client.sendCommand(["MULTI"]);
      for (const key of keys) {
        await sleep(THINKING_MS);
        /** @type {unknown} */
        const reply = await client.sendCommand(["INCR", key]);
        if (reply !== "QUEUED") throw new Error(`INCR in a transaction answered ${JSON.stringify(reply)}`);
      }
      return client.sendCommand(["EXEC"]);
    },
  });
}
