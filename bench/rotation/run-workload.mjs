import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { median, quantile } from "../lib/statistics.mjs";

/** @typedef {import("azure-redis-emulator").Emulator} Emulator */
/** @typedef {import("azure-redis-emulator").EmulatorEvent} EmulatorEvent */
/** @typedef {import("./worker.mjs").Workload} Workload */
/** @typedef {import("./worker.mjs").Outcome} Outcome */
/**
 * What one run showed; `p99Ratios` has one entry for each rotation: around it, against the steady time before it.
 *
 * @typedef {{
 *   outcome: Outcome,
 *   rotations: number,
 *   evicted: number,
 *   loginsPerRotation: number,
 *   loginSpreadMs: number,
 *   steadyP50: number,
 *   steadyP99: number,
 *   aroundP50: number,
 *   aroundP99: number,
 *   p99Ratios: number[],
 * }} Measured
 */

/** A rotation begins this long before its token request and ends this long after its last login. */
const AROUND_MS = 500;
/** Nothing counts before this: the code is not compiled yet. */
const WARM_UP_MS = 3_000;

/**
 * Runs one workload in a process of its own.
 *
 * @param {Emulator} azure
 * @param {Workload} workload
 * @param {number} periodMs between rotations; where nothing rotates, its multiples stand in for them
 * @returns {Promise<Measured>}
 */
export async function runWorkload(azure, workload, periodMs) {
  const since = azure.events.length;
  const outcome = await inWorker(azure, workload);
  const firstMs = outcome.sentAtMs[0] ?? 0;
  const startMs = firstMs + WARM_UP_MS;
  const events = azure.events.slice(since).filter(({ atMs }) => atMs > startMs);
  const logins = events.filter(isAcceptedLogin);
  const instants =
    workload.variant === "static"
      ? Array.from(
          { length: Math.floor(workload.durationMs / periodMs) },
          (_, i) => firstMs + (i + 1) * periodMs,
        )
      : events
          .filter((event) => event.type === "tokenRequest" || isAcceptedLogin(event))
          .map(({ atMs }) => atMs);
  const windows = windowsOf(instants);
  const spans = windows.map(({ fromMs, toMs }, index) => ({
    steady: latencies(outcome, windows[index - 1]?.toMs ?? startMs, fromMs),
    around: latencies(outcome, fromMs, toMs),
  }));
  const steady = spans.flatMap((span) => span.steady);
  const around = spans.flatMap((span) => span.around);
  const rotations = groupByToken(logins);
  return {
    outcome,
    rotations: rotations.length,
    evicted: events.filter((event) => event.type === "disconnected" && event.reason !== "client").length,
    loginsPerRotation: logins.length / Math.max(1, rotations.length),
    loginSpreadMs: median(rotations.map((times) => Math.max(...times) - Math.min(...times))),
    steadyP50: quantile(steady, 0.5),
    steadyP99: quantile(steady, 0.99),
    aroundP50: quantile(around, 0.5),
    aroundP99: quantile(around, 0.99),
    p99Ratios: spans.map((span) => quantile(span.around, 0.99) / quantile(span.steady, 0.99)),
  };
}

/**
 * @param {EmulatorEvent} event
 * @returns {event is Extract<EmulatorEvent, { type: "login" }>}
 */
function isAcceptedLogin(event) {
  return event.type === "login" && event.accepted && event.command === "AUTH";
}

/**
 * The time that each rotation takes, from before its token request until after its last login.
 *
 * @param {readonly number[]} instants in rising order
 * @returns {{ fromMs: number, toMs: number }[]}
 */
function windowsOf(instants) {
  /** @type {{ fromMs: number, toMs: number }[]} */
  const windows = [];
  for (const instant of instants) {
    const last = windows.at(-1);
    const isSame = last !== undefined && instant - AROUND_MS <= last.toMs + AROUND_MS;
    if (isSame) last.toMs = instant + AROUND_MS;
    else windows.push({ fromMs: instant - AROUND_MS, toMs: instant + AROUND_MS });
  }
  return windows;
}

/**
 * Latencies of the commands sent in a span of time.
 *
 * @param {Outcome} outcome
 * @param {number} fromMs
 * @param {number} toMs
 */
function latencies({ sentAtMs, latencyMs }, fromMs, toMs) {
  return latencyMs.filter((_, index) => {
    const sent = sentAtMs[index] ?? 0;
    return sent >= fromMs && sent < toMs;
  });
}

/** @param {readonly Extract<EmulatorEvent, { type: "login" }>[]} logins */
function groupByToken(logins) {
  /** @type {Map<string, number[]>} */
  const groups = new Map();
  for (const { tokenId = "", atMs } of logins) groups.set(tokenId, [...(groups.get(tokenId) ?? []), atMs]);
  return [...groups.values()];
}

/**
 * @param {Emulator} azure
 * @param {Workload} workload
 * @returns {Promise<Outcome>}
 */
async function inWorker(azure, workload) {
  const { objectId } = azure.systemIdentity;
  const env = {
    ...process.env,
    ...azure.env(),
    REDIS_USERNAME: objectId,
    REDIS_PASSWORD: await azure.issueToken(objectId, { exp: Math.floor(Date.now() / 1000) + 3_600 }),
  };
  const worker = fork(fileURLToPath(new URL("worker.mjs", import.meta.url)), [JSON.stringify(workload)], {
    env,
    execArgv: [],
    serialization: "advanced",
  });
  const exit = once(worker, "exit");
  const [outcome] = await Promise.race([
    once(worker, "message"),
    exit.then(([code]) => {
      throw new Error(`The worker for ${workload.variant} ended with exit code ${String(code)}.`);
    }),
  ]);
  await exit;
  return /** @type {Outcome} */ (outcome);
}
