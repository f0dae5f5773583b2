import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "azure-redis-emulator";
import { load } from "../lib/machine.mjs";
import { pairedRatio, pairedRatios, spread } from "../lib/statistics.mjs";
import { LIBRARIES, measureIoRedis, WORKLOADS } from "./ioredis.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */
/** @typedef {import("./worker.mjs").Variant} Variant */
/** @typedef {import("./worker.mjs").Rates} Rates */
/** @typedef {Awaited<ReturnType<typeof measureIoRedis>>} IoRedisRates */
/** @typedef {import("../lib/report.mjs").Goal} Goal */
/** @typedef {import("../lib/report.mjs").Table} Table */

const LABELS = /** @type {const} */ ({
  plain: "node-redis",
  passwordless: "with `passwordless`",
  attach: "with `attach`",
});
const VARIANTS = /** @type {const} */ (["plain", "passwordless", "attach"]);

const WORKLOAD_LABELS = /** @type {const} */ ({
  burst: "500 at once",
  lanes: "10 lanes, each awaits its command",
  pipeline: "`pipeline()` of 100",
});

/** One pair of processes of ioredis measures several times, so there are fewer of them. */
const REPETITIONS_PER_IOREDIS_PAIR = 4;

/**
 * What the library costs on the way of every command. node-redis as it is, with the options of `passwordless`, and
 * attached, on a Redis without TLS in between, where the client's own work weighs most; ioredis and iovalkey with a
 * static password and with `passwordless`, over TLS, because there every write goes through this library.
 *
 * @param {{ repetitions: number | undefined }} options
 * @returns {Promise<Report>}
 */
export async function throughput({ repetitions = 31 }) {
  const before = load();
  const rates = await measure(repetitions);
  const pairs = Math.ceil(repetitions / REPETITIONS_PER_IOREDIS_PAIR);
  const ioredisRates = await measureIoRedis(pairs);
  const of = (/** @type {Variant} */ variant, /** @type {keyof Rates} */ unit) =>
    (rates.get(variant) ?? []).map((one) => one[unit]);
  const ratio = (/** @type {Variant} */ variant, /** @type {keyof Rates} */ unit) =>
    pairedRatio(of(variant, unit), of("plain", unit));
  const goals = { passwordless: 0.99, attach: 0.97 };
  return {
    title: "Throughput",
    method:
      "SET and GET of 16 bytes, one client in a fresh process. node-redis: 500 in flight, straight to a redis-server on loopback; " +
      `${repetitions} repetitions, taken in turns. ioredis and iovalkey: over TLS, through the gateway of the local Azure, with the same user; ` +
      `${pairs} pairs of processes for each client, one with a static password and one with \`passwordless\`, which work in turns for a tenth of a second each, whoever began the last turn second in this. ` +
      "Median and quartiles; ratios are taken within one turn. " +
      "The goals go by the client's own processor time, which other work on the machine disturbs less than the clock on the wall.",
    load: before,
    packages: ["redis", ...LIBRARIES],
    tables: [
      {
        title: "node-redis",
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
      ioredisTable(ioredisRates),
    ],
    goals: [
      .../** @type {const} */ (["passwordless", "attach"]).map((variant) => ({
        what: `throughput ${LABELS[variant]}, against node-redis`,
        value: ratio(variant, "perProcessorSecond"),
        atLeast: goals[variant],
        digits: 3,
      })),
      ...ioredisGoals(ioredisRates),
    ],
  };
}

/**
 * @param {IoRedisRates} rates
 * @returns {Table}
 */
function ioredisTable(rates) {
  return {
    title: "ioredis and iovalkey",
    columns: [
      "",
      "",
      "commands per second, static password",
      "ratio",
      "commands per second of processor time, static password",
      "ratio",
    ],
    rows: LIBRARIES.flatMap((library) =>
      WORKLOADS.map((workload) => {
        const { static: plain = [], passwordless = [] } = rates.get(`${library} ${workload}`) ?? {};
        const columns = (/** @type {keyof Rates} */ unit) => {
          const [theirs, ours] = [plain, passwordless].map((all) => all.map((one) => one[unit]));
          return [spread(theirs ?? []), spread(pairedRatios(ours ?? [], theirs ?? []), 3)];
        };
        return [
          library,
          WORKLOAD_LABELS[workload],
          ...columns("perSecond"),
          ...columns("perProcessorSecond"),
        ];
      }),
    ),
  };
}

/**
 * @param {IoRedisRates} rates
 * @returns {Goal[]}
 */
function ioredisGoals(rates) {
  return LIBRARIES.flatMap((library) =>
    WORKLOADS.map((workload) => {
      const { static: plain = [], passwordless = [] } = rates.get(`${library} ${workload}`) ?? {};
      return {
        what: `throughput of ${library}, ${WORKLOAD_LABELS[workload]}, against a static password`,
        value: pairedRatio(
          passwordless.map((one) => one.perProcessorSecond),
          plain.map((one) => one.perProcessorSecond),
        ),
        atLeast: 0.98,
        digits: 3,
      };
    }),
  );
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
