import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "azure-redis-emulator";
import { load } from "../lib/machine.mjs";
import { median, spread } from "../lib/statistics.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */
/** @typedef {Record<"plain" | "passwordless" | "attach", number[]>} Rates commands per second, round by round */

const ROUNDS = 30;
const NAMES = /** @type {const} */ (["plain", "passwordless", "attach"]);
const LABELS = { plain: "node-redis", passwordless: "with `passwordless`", attach: "with `attach`" };

/**
 * What the library costs on the way of every command: node-redis as it is, with the options of `passwordless`, and
 * attached, on a Redis without TLS in between, where the client's own work weighs most.
 *
 * @param {{ repetitions: number | undefined }} options number of processes
 * @returns {Promise<Report>}
 */
export async function throughput({ repetitions = 9 }) {
  const before = load();
  const runs = await measure(repetitions);
  const ratio = (/** @type {"passwordless" | "attach"} */ name) => runs.map((run) => roundRatio(run, name));
  const goals = { passwordless: 0.99, attach: 0.97 };
  return {
    title: "Throughput",
    method:
      "SET and GET of 16 bytes, 500 in flight, in one process, straight to a redis-server on loopback. " +
      `${repetitions} fresh processes, each with ${ROUNDS} rounds in which every client has its turn, in changing order. ` +
      "A ratio is the median over the rounds of one process; shown are the median and quartiles over the processes.",
    load: before,
    packages: ["redis"],
    tables: [
      {
        columns: ["", "commands per second", "ratio to node-redis"],
        rows: NAMES.map((name) => [
          LABELS[name],
          spread(runs.map((run) => median(run[name]))),
          name === "plain" ? "" : spread(ratio(name), 3),
        ]),
      },
    ],
    goals: /** @type {const} */ (["passwordless", "attach"]).map((name) => ({
      what: `throughput ${LABELS[name]}, against node-redis`,
      value: median(ratio(name)),
      atLeast: goals[name],
      digits: 3,
    })),
  };
}

/**
 * @param {Rates} rates
 * @param {"passwordless" | "attach"} name
 */
function roundRatio(rates, name) {
  return median(rates[name].map((rate, round) => rate / (rates.plain[round] ?? Number.NaN)));
}

/**
 * @param {number} repetitions
 * @returns {Promise<Rates[]>}
 */
async function measure(repetitions) {
  const azure = await startEmulator();
  try {
    /** @type {Rates[]} */
    const runs = [];
    for (let index = 0; index < repetitions; index += 1) {
      const worker = fork(
        fileURLToPath(new URL("worker.mjs", import.meta.url)),
        [azure.redis.backendUrl, String(ROUNDS)],
        { execArgv: [] },
      );
      const [rates] = await Promise.race([once(worker, "message"), failure(worker)]);
      runs.push(/** @type {Rates} */ (rates));
      await once(worker, "exit");
    }
    return runs;
  } finally {
    await azure.close();
  }
}

/**
 * @param {import("node:child_process").ChildProcess} worker
 * @returns {Promise<never>}
 */
async function failure(worker) {
  const [code] = await once(worker, "exit");
  throw new Error(`The worker ended with exit code ${String(code)} and without a result.`);
}
