import { applied, Ledger } from "../ledger.mjs";
import { Tally } from "../tally.mjs";
import { Loop } from "./loop.mjs";

/** INCRs sent at once, as a busy service pipelines them. */
const BATCH = 10;
const PAUSE_MS = 15;

/** Plain commands on several connections: each increment must be applied exactly once. */
export class Increments {
  /**
   * @param {import("../stage.mjs").Stage} stage
   * @param {import("../restart-window.mjs").RestartWindow} restart
   */
  constructor(stage, restart) {
    this.tally = new Tally("INCR on 4 connections", restart);
    this.tallies = [this.tally];
    this.counters = Array.from({ length: 4 }, (_, index) => ({
      key: `demo:counter:${index}`,
      client: stage.client(),
      ledger: new Ledger(),
      loop: new Loop(stage.curtain.signal),
    }));
  }

  async start() {
    for (const counter of this.counters) counter.loop.start(() => this.#step(counter), PAUSE_MS);
  }

  async stop() {
    await Promise.all(this.counters.map(({ loop }) => loop.stop()));
  }

  /** @param {number} sinceMs */
  isBackSince(sinceMs) {
    return this.tally.lastDoneAtMs > sinceMs && this.counters.every(({ client }) => client.isReady);
  }

  /** @param {(typeof this.counters)[number]} counter */
  async #step({ client, key, ledger }) {
    const beganAtMs = Date.now();
    const answers = await Promise.allSettled(Array.from({ length: BATCH }, () => client.incr(key)));
    for (const answer of answers) {
      if (answer.status === "rejected") {
        ledger.leaveOpen();
        this.tally.fail(answer.reason, beganAtMs);
      } else if (ledger.accept(answer.value)) this.tally.count();
      else this.tally.wrong += 1;
    }
  }

  /**
   * @param {import("../stage.mjs").Client} server
   * @returns {Promise<import("../checks.mjs").Check[]>}
   */
  async verify(server) {
    const values = await Promise.all(this.counters.map(async ({ key }) => Number(await server.get(key))));
    const total = values.reduce((sum, value) => sum + value, 0);
    const acknowledged = this.counters.reduce((sum, { ledger }) => sum + ledger.acknowledged, 0);
    const agrees = this.counters.every(({ ledger }, index) => ledger.agreesWith(values[index] ?? 0));
    return [
      {
        isMet: agrees && this.tally.wrong === 0,
        claim: "every INCR applied exactly once",
        observed: applied(acknowledged, total),
      },
    ];
  }
}
