/** @typedef {import("../tally.mjs").Tally} Tally */

/** Over how long a rate is taken, in milliseconds. */
const SPAN_MS = 2_000;

/** How much of each stream was done per second lately. */
export class Rates {
  /** @type {{ atMs: number, done: Map<Tally, number> }[]} */
  #samples = [];

  /** @param {readonly Tally[]} tallies */
  sample(tallies) {
    const atMs = Date.now();
    this.#samples.push({ atMs, done: new Map(tallies.map((tally) => [tally, tally.done])) });
    while ((this.#samples[1]?.atMs ?? atMs) < atMs - SPAN_MS) this.#samples.shift();
  }

  /** @param {Tally} tally */
  of(tally) {
    const first = this.#samples[0];
    const elapsedMs = Date.now() - (first?.atMs ?? 0);
    if (first === undefined || elapsedMs < 100) return 0;
    return ((tally.done - (first.done.get(tally) ?? 0)) * 1_000) / elapsedMs;
  }
}
