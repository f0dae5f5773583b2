// Increments one key for each connection at a steady rate, and sends what it saw to its parent.

import { createClient } from "redis";
import { clientOptions } from "./clients.mjs";

/** @typedef {import("./clients.mjs").Variant} Variant */
/** @typedef {{ variant: Variant, connections: number, rate: number, durationMs: number }} Workload */
/**
 * @typedef {{
 *   sentAtMs: number[],
 *   latencyMs: number[],
 *   issued: number,
 *   succeeded: number,
 *   failed: number,
 *   outOfOrder: number,
 *   total: number,
 *   errorEvents: number,
 * }} Outcome `total` is what the server has counted.
 */

const TICK_MS = 5;

const workload = /** @type {Workload} */ (JSON.parse(process.argv[2] ?? "{}"));
const options = clientOptions(workload.variant, process.env);
/** @type {Outcome} */
const outcome = {
  sentAtMs: [],
  latencyMs: [],
  issued: 0,
  succeeded: 0,
  failed: 0,
  outOfOrder: 0,
  total: 0,
  errorEvents: 0,
};

const lanes = Array.from({ length: workload.connections }, (_, index) => {
  const client = createClient(options);
  client.on("error", () => {
    outcome.errorEvents += 1;
  });
  return { client, key: `bench:rotation:${index}`, last: 0 };
});
await Promise.all(lanes.map(({ client }) => client.connect()));
await Promise.all(lanes.map(({ client, key }) => client.del(key)));
await run();
const counts = await Promise.all(lanes.map(({ client, key }) => client.get(key)));
outcome.total = counts.reduce((sum, count) => sum + Number(count ?? 0), 0);
process.send?.(outcome, () => process.exit(0));

/** Issues commands as the rate demands, however late a tick is; resolves when the last has been answered. */
async function run() {
  /** @type {Set<Promise<void>>} */
  const pending = new Set();
  const startedAt = performance.now();
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startedAt;
      const due = Math.floor((Math.min(elapsedMs, workload.durationMs) * workload.rate) / 1000);
      while (outcome.issued < due) {
        const command = increment(outcome.issued % lanes.length);
        outcome.issued += 1;
        pending.add(command);
        void command.then(() => pending.delete(command));
      }
      if (elapsedMs < workload.durationMs) return;
      clearInterval(timer);
      resolve(undefined);
    }, TICK_MS);
  });
  await Promise.all(pending);
}

/** @param {number} index */
async function increment(index) {
  const lane = /** @type {NonNullable<typeof lanes[number]>} */ (lanes[index]);
  const sentAtMs = Date.now();
  const startedAt = process.hrtime.bigint();
  try {
    const value = await lane.client.incr(lane.key);
    outcome.sentAtMs.push(sentAtMs);
    outcome.latencyMs.push(Number(process.hrtime.bigint() - startedAt) / 1e6);
    outcome.succeeded += 1;
    if (value !== lane.last + 1) outcome.outOfOrder += 1;
    lane.last = value;
  } catch {
    outcome.failed += 1;
  }
}
