import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "azure-redis-emulator";
import { load } from "../lib/machine.mjs";
import { pairedRatio, spread } from "../lib/statistics.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */
/** @typedef {import("./worker.mjs").Variant} Variant */
/** @typedef {import("./worker.mjs").Rates} Rates */

const LABELS = /** @type {const} */ ({
  plain: "node-redis",
  passwordless: "with `passwordless`",
  attach: "with `attach`",
});
const VARIANTS = /** @type {const} */ (["plain", "passwordless", "attach"]);

/**
 * What the library costs on the way of every command: node-redis as it is, with the options of `passwordless`, and
 * attached, on a Redis without TLS in between, where the client's own work weighs most.
 *
 * @param {{ repetitions: number | undefined }} options
 * @returns {Promise<Report>}
 */
export async function throughput({ repetitions = 31 }) {
  const before = load();
  const rates = await measure(repetitions);
  const of = (/** @type {Variant} */ variant, /** @type {keyof Rates} */ unit) =>
    (rates.get(variant) ?? []).map((one) => one[unit]);
  const ratio = (/** @type {Variant} */ variant, /** @type {keyof Rates} */ unit) =>
    pairedRatio(of(variant, unit), of("plain", unit));
  const goals = { passwordless: 0.99, attach: 0.97 };
  return {
    title: "Throughput",
    method:
      "SET and GET of 16 bytes, 500 in flight, one client in a fresh process, straight to a redis-server on loopback. " +
      `${repetitions} repetitions, taken in turns; median and quartiles; ratios are medians of the ratios within one turn. ` +
      "The goals go by the client's own processor time, which other work on the machine disturbs less than the clock on the wall.",
    load: before,
    packages: ["redis"],
    tables: [
      {
        columns: ["", "commands per second", "ratio", "commands per second of processor time", "ratio"],
        rows: VARIANTS.map((variant) => {
          const against = (/** @type {keyof Rates} */ unit) =>
            variant === "plain" ? "" : ratio(variant, unit).toFixed(3);
          return [
            LABELS[variant],
            spread(of(variant, "perSecond")),
            against("perSecond"),
            spread(of(variant, "perProcessorSecond")),
            against("perProcessorSecond"),
          ];
        }),
      },
    ],
    goals: /** @type {const} */ (["passwordless", "attach"]).map((variant) => ({
      what: `throughput ${LABELS[variant]}, against node-redis`,
      value: ratio(variant, "perProcessorSecond"),
      atLeast: goals[variant],
      digits: 3,
    })),
  };
}

/**
 * @param {number} repetitions
 * @returns {Promise<Map<Variant, Rates[]>>}
 */
async function measure(repetitions) {
  const azure = await startEmulator();
  try {
    /** @type {Map<Variant, Rates[]>} */
    const rates = new Map(VARIANTS.map((variant) => [variant, []]));
    for (let turn = 0; turn < repetitions; turn += 1) {
      for (const variant of VARIANTS) {
        rates.get(variant)?.push(await inWorker(azure.redis.backendUrl, variant));
      }
    }
    return rates;
  } finally {
    await azure.close();
  }
}

/**
 * @param {string} backendUrl
 * @param {Variant} variant
 * @returns {Promise<Rates>}
 */
async function inWorker(backendUrl, variant) {
  const worker = fork(fileURLToPath(new URL("worker.mjs", import.meta.url)), [backendUrl, variant], {
    execArgv: [],
  });
  const exit = once(worker, "exit");
  const [rates] = await Promise.race([
    once(worker, "message"),
    exit.then(([code]) => {
      throw new Error(`The worker for ${variant} ended with exit code ${String(code)}.`);
    }),
  ]);
  await exit;
  return /** @type {Rates} */ (rates);
}
