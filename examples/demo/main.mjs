// Real node-redis clients on a real Redis, through token rotations, an identity outage and a restart of Redis,
// without Azure: the local Azure is packages/azure-redis-emulator.

import { constants } from "node:os";
import { checkAll } from "./checks.mjs";
import { Journal } from "./journal.mjs";
import { HELP, readOptions } from "./options.mjs";
import { RestartWindow } from "./restart-window.mjs";
import { Rotations } from "./rotations.mjs";
import { play } from "./script.mjs";
import { Stage } from "./stage.mjs";
import { summary } from "./summary.mjs";
import { Paint } from "./view/style.mjs";
import { show } from "./view/view.mjs";
import { Increments } from "./workloads/increments.mjs";
import { Messages } from "./workloads/messages.mjs";
import { Queue } from "./workloads/queue.mjs";
import { chainedTransactions, handWrittenTransactions } from "./workloads/transactions.mjs";

/** @typedef {import("./options.mjs").DemoOptions} DemoOptions */

const interruption = new AbortController();
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => {
    process.exitCode = 128 + constants.signals[signal];
    interruption.abort(new Error("The demo was interrupted."));
  });
}

try {
  const options = readOptions(process.argv.slice(2), process.env, process.stdout.isTTY);
  if (options === "help") console.log(HELP);
  else process.exitCode = await demo(options);
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode ??= error instanceof TypeError ? 2 : 1;
}

/**
 * What to tell: an interrupted wait has its reason behind it.
 *
 * @param {unknown} error
 * @returns {string}
 */
function reasonOf(error) {
  if (!(error instanceof Error)) return String(error);
  return error.name === "AbortError" && error.cause !== undefined ? reasonOf(error.cause) : error.message;
}

/**
 * @param {DemoOptions} options
 * @returns {Promise<number>} the exit code
 */
async function demo(options) {
  const stage = await Stage.start(options.tokenLifetimeMs);
  try {
    return await run(stage, options);
  } finally {
    await stage.close();
  }
}

/**
 * @param {Stage} stage
 * @param {DemoOptions} options
 */
async function run(stage, { tokenLifetimeMs, rotations: wanted, plain }) {
  const paint = new Paint(!plain);
  const journal = new Journal();
  const restart = new RestartWindow();
  const rotations = new Rotations(stage, journal);
  const workloads = cast(stage, restart, tokenLifetimeMs);
  reportTrouble(stage, journal);

  // Twice the time that the rotations need: whatever hangs, the demo ends.
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Error("The rotations did not come in time.")),
    30_000 + 2 * wanted * tokenLifetimeMs,
  );
  const signal = AbortSignal.any([interruption.signal, deadline.signal]);
  await stage.connect();
  for (const workload of workloads) await workload.start();
  journal.write(`${stage.connections} connections are logged in`);

  const scene = {
    stage,
    rotations,
    journal,
    tallies: workloads.flatMap((one) => [...one.tallies]),
    wanted,
    tokenLifetimeMs,
  };
  const view = show(scene, paint);
  try {
    await play({ stage, rotations, restart, journal, workloads, signal }, wanted);
    await Promise.all(workloads.map((workload) => workload.stop()));
  } finally {
    clearTimeout(timer);
    view.close();
  }
  const checks = await checkAll(stage, rotations, workloads);
  console.log(summary(scene, checks, restart, paint).join("\n"));
  return checks.every(({ isMet }) => isMet) && scene.tallies.every(({ bad }) => bad === 0) ? 0 : 1;
}

/**
 * @param {Stage} stage
 * @param {RestartWindow} restart
 * @param {number} tokenLifetimeMs
 * @returns {import("./checks.mjs").Workload[]}
 */
function cast(stage, restart, tokenLifetimeMs) {
  return [
    new Increments(stage, restart),
    chainedTransactions(stage, restart),
    handWrittenTransactions(stage, restart),
    new Messages(stage, restart),
    new Queue(stage, restart, { label: "BLPOP key 0", key: "demo:queue", everyMs: 20 }),
    // Each wait lasts longer than the token that it began with.
    new Queue(stage, restart, {
      label: "BLPOP, long waits",
      key: "demo:quiet-queue",
      everyMs: 1.3 * tokenLifetimeMs,
    }),
  ];
}

/**
 * @param {Stage} stage
 * @param {Journal} journal
 */
function reportTrouble({ identity }, journal) {
  identity.on("refreshFailing", ({ attempt }) =>
    journal.write(`token request ${attempt} failed; the clients do not notice`),
  );
  identity.on("recovered", ({ failures }) =>
    journal.write(`a token has come after ${failures} failures`, "good"),
  );
  const told = new Set();
  identity.on("reauthenticationFailing", ({ error }) => {
    const text = error instanceof Error ? error.message : String(error);
    const code = /** @type {{ code?: unknown }} */ (error).code ?? text;
    if (!told.has(code)) journal.write(text, "bad");
    told.add(code);
  });
  identity.on("tokenExpired", () => journal.write("the token ended before the next one came", "bad"));
}
