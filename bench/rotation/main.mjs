import { startEmulator } from "azure-redis-emulator";
import { load } from "../lib/machine.mjs";
import { median, spread } from "../lib/statistics.mjs";
import { runWorkload } from "./run-workload.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */
/** @typedef {import("./clients.mjs").Variant} Variant */
/** @typedef {import("./run-workload.mjs").Measured} Measured */

const TOKEN_MS = 10_000;
/** Both libraries ask for the next token after 70 % of the life of one. */
const PERIOD_MS = 7_000;
const ROTATIONS = 6;
const DURATION_MS = ROTATIONS * PERIOD_MS + 3_000;
const VARIANTS = /** @type {const} */ (["static", "redis-passwordless", "@redis/entraid"]);

/**
 * What a rotation does to the commands that are under way.
 *
 * @param {{ repetitions: number | undefined }} options of the smaller workload
 * @returns {Promise<Report>}
 */
export async function rotation({ repetitions = 3 }) {
  const before = load();
  const azure = await startEmulator({ tokenLifetimeMs: TOKEN_MS });
  try {
    const few = await measure(azure, { connections: 4, rate: 800 }, repetitions);
    const many = await measure(azure, { connections: 50, rate: 5_000 }, 1);
    const ours = few.get("redis-passwordless") ?? [];
    const sum = (/** @type {(run: Measured) => number} */ of) =>
      ours.reduce((total, run) => total + of(run), 0);
    return {
      title: "Rotation",
      method:
        `INCR at a steady rate through ${ROTATIONS} rotations of ${TOKEN_MS / 1000} s tokens, over TLS, each variant in a process of its own, one after the other against the same gateway and Redis. ` +
        "*Around* are the commands sent from 500 ms before a token request until 500 ms after the last login that follows from it, *steady* those in between; latencies in milliseconds, of all rotations together. " +
        "The ratio of p99 is taken for each rotation against the steady time right before it; shown are its median and quartiles over all rotations, because a single burst of other work on the machine decides over the p99 of a whole run. " +
        "For the static password the same instants stand in for rotations: its ratio is the noise of the machine. " +
        "redis-passwordless tries each new token on a connection of its own first, which is one more AUTH.",
      load: before,
      packages: ["redis", "@redis/entraid"],
      tables: [
        workloadTable(`4 connections, 800 commands per second, ${repetitions} × ${ROTATIONS} rotations`, few),
        workloadTable(`50 connections, 5,000 commands per second, ${ROTATIONS} rotations`, many),
      ],
      goals: [
        { what: "failed", value: sum(({ outcome }) => outcome.failed), atMost: 0, digits: 0 },
        { what: "lost", value: sum(lost), atMost: 0, digits: 0 },
        { what: "applied twice", value: sum(appliedTwice), atMost: 0, digits: 0 },
        { what: "evicted", value: sum(({ evicted }) => evicted), atMost: 0, digits: 0 },
        {
          what: "p99 around a rotation, against steady",
          value: median(ours.flatMap((run) => run.p99Ratios)),
          atMost: 1.5,
        },
      ],
    };
  } finally {
    await azure.close();
  }
}

/**
 * @param {import("azure-redis-emulator").Emulator} azure
 * @param {{ connections: number, rate: number }} size
 * @param {number} repetitions
 * @returns {Promise<Map<Variant, Measured[]>>}
 */
async function measure(azure, size, repetitions) {
  /** @type {Map<Variant, Measured[]>} */
  const runs = new Map(VARIANTS.map((variant) => [variant, []]));
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const variant of VARIANTS) {
      const workload = { ...size, variant, durationMs: DURATION_MS };
      runs.get(variant)?.push(await runWorkload(azure, workload, PERIOD_MS));
    }
  }
  return runs;
}

/**
 * @param {string} title
 * @param {Map<Variant, Measured[]>} runs
 * @returns {import("../lib/report.mjs").Table}
 */
function workloadTable(title, runs) {
  const columns = [
    "",
    "commands",
    "failed",
    "lost",
    "twice",
    "evicted",
    "AUTHs per rotation",
    "AUTHs of a rotation within, ms",
    "steady p50",
    "around p50",
    "steady p99",
    "around p99",
    "ratio of p99",
  ];
  const rows = [...runs].map(([variant, measured]) => {
    const total = (/** @type {(run: Measured) => number} */ of) =>
      String(measured.reduce((sum, run) => sum + of(run), 0));
    const middle = (/** @type {(run: Measured) => number} */ of, digits = 2) =>
      median(measured.map(of)).toFixed(digits);
    const rotates = variant !== "static";
    return [
      variant === "static" ? "static password" : variant,
      total(({ outcome }) => outcome.issued),
      total(({ outcome }) => outcome.failed),
      total(lost),
      total(appliedTwice),
      total(({ evicted }) => evicted),
      rotates ? middle((run) => run.loginsPerRotation, 0) : "",
      rotates ? middle((run) => run.loginSpreadMs, 0) : "",
      middle((run) => run.steadyP50),
      middle((run) => run.aroundP50),
      middle((run) => run.steadyP99),
      middle((run) => run.aroundP99),
      spread(
        measured.flatMap((run) => run.p99Ratios),
        2,
      ),
    ];
  });
  return { title, columns, rows };
}

/**
 * Answered, but not in the count.
 *
 * @param {Measured} run
 */
function lost({ outcome }) {
  return Math.max(0, outcome.succeeded - outcome.total);
}

/**
 * In the count, but never issued, or counted out of turn.
 *
 * @param {Measured} run
 */
function appliedTwice({ outcome }) {
  return Math.max(outcome.outOfOrder, outcome.total - outcome.issued, 0);
}
