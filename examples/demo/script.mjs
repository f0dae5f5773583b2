import { setTimeout as sleep } from "node:timers/promises";

/** The outage in parts of the token's life: it begins before the refresh at 0.7 and ends in time for another. */
const OUTAGE_FROM = 0.62;
const OUTAGE_TO = 0.8;

/** How long the clients may take to come back once Redis is there again, in milliseconds. */
const COMEBACK_MS = 10_000;

/**
 * @typedef {object} Cast
 * @property {import("./stage.mjs").Stage} stage
 * @property {import("./rotations.mjs").Rotations} rotations
 * @property {import("./restart-window.mjs").RestartWindow} restart
 * @property {import("./journal.mjs").Journal} journal
 * @property {readonly import("./checks.mjs").Workload[]} workloads
 * @property {AbortSignal} signal
 */

/**
 * What happens to the clients: rotations, the outage in the middle of them, and the restart right after it.
 *
 * @param {Cast} cast
 * @param {number} count how many rotations
 */
export async function play(cast, count) {
  const { rotations, signal } = cast;
  const outageIn = Math.ceil(count / 2);
  await rotations.untilOver(outageIn - 1, signal);
  await outage(cast);
  await rotations.untilOver(outageIn, signal);
  await sleep(300, undefined, { signal });
  await restartRedis(cast);
  await rotations.untilOver(count, signal);
  await sleep(500, undefined, { signal });
}

/** @param {Cast} cast */
async function outage({ stage, rotations, journal, signal }) {
  const { startedAtMs, expiresAtMs } = rotations.current;
  const at = (/** @type {number} */ part) => startedAtMs + part * (expiresAtMs - startedAtMs) - Date.now();
  await sleep(Math.max(0, at(OUTAGE_FROM)), undefined, { signal });
  const fault = stage.azure.injectFault("authority", { kind: "status", status: 503 });
  const beganAtMs = Date.now();
  journal.write("Entra ID is down: every token request gets a 503", "trouble");
  await sleep(Math.max(0, at(OUTAGE_TO)), undefined, { signal });
  fault.remove();
  journal.write(`Entra ID is back after ${seconds(Date.now() - beganAtMs)}`);
}

/** @param {Cast} cast */
async function restartRedis({ stage, restart, journal, workloads, signal }) {
  journal.write("Redis restarts: commands may fail until it is back", "trouble");
  restart.open();
  await sleep(50, undefined, { signal }); // What is on its way to a subscriber arrives.
  await stage.azure.redis.restart();
  const startedAtMs = Date.now();
  while (!workloads.every((workload) => workload.isBackSince(startedAtMs))) {
    if (Date.now() - startedAtMs > COMEBACK_MS)
      throw new Error("Not every client came back after the restart");
    await sleep(20, undefined, { signal });
  }
  restart.close();
  journal.write(`Redis is back, and so is every client, after ${seconds(restart.durationMs)}`, "good");
}

/** @param {number} ms */
export function seconds(ms) {
  return `${(ms / 1_000).toFixed(1)} s`;
}
