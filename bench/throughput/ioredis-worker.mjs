// Keeps one client of ioredis or iovalkey busy for as long as its parent asks, and answers with its rates. One client
// for each process: with several, the engine compiles their common code for all of them, and a cost of one is paid by
// the others too.

import { entraId } from "redis-passwordless";
import { passwordless } from "redis-passwordless/ioredis";

/** @typedef {"ioredis" | "ioredis-5" | "iovalkey"} Library */
/** @typedef {"static" | "passwordless"} Login */
/** @typedef {keyof typeof WORKLOADS} Workload */
/** @typedef {import("./worker.mjs").Rates} Rates */
/** @typedef {{ url: string, username: string, password: string, library: Library, login: Login }} Task */
/** @typedef {{ workload: Workload, forMs: number }} Request */

const VALUE = "0123456789abcdef";

/** Each sends so many commands and resolves when all are answered. */
const WORKLOADS = {
  burst: { commands: 500, send: burst },
  lanes: { commands: 500, send: lanes },
  pipeline: { commands: 100, send: pipeline },
};

const task = /** @type {Task} */ (JSON.parse(process.argv[2] ?? "{}"));
const client = await connect();
process.on("message", (/** @type {Request} */ request) => {
  void measure(request).then((rates) => process.send?.(rates));
});
process.once("disconnect", () => process.exit(0));
process.send?.("ready");

async function connect() {
  const { url, username, password } = task;
  // iovalkey and ioredis 5 are used as ioredis 6, whose members used here are the same.
  const { Redis } = /** @type {typeof import("ioredis")} */ (await import(task.library));
  const { hostname: host, port, protocol } = new URL(url);
  const options = {
    host,
    port: Number(port),
    lazyConnect: true,
    ...(protocol === "rediss:" ? { tls: {} } : {}),
  };
  const identity = entraId({
    identityProvider: async () => ({ token: password, username, expiresAtMs: Date.now() + 3_600_000 }),
  });
  const made =
    task.login === "static"
      ? new Redis({ ...options, username, password })
      : passwordless(Redis, options, { identity });
  await made.connect();
  return made;
}

/**
 * @param {Request} request
 * @returns {Promise<Rates>}
 */
async function measure({ workload, forMs }) {
  const { commands, send } = WORKLOADS[workload];
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  let total = 0;
  while (performance.now() - startedAt < forMs) {
    await send(commands);
    total += commands;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: total / seconds, perProcessorSecond: total / ((user + system) / 1e6) };
}

/**
 * Many commands in one go.
 *
 * @param {number} commands
 */
async function burst(commands) {
  const replies = [];
  for (let index = 0; index < commands; index += 2) {
    replies.push(client.set(`bench:${index}`, VALUE), client.get(`bench:${index}`));
  }
  await Promise.all(replies);
}

/**
 * Ten that each wait for an answer before they go on.
 *
 * @param {number} commands
 */
async function lanes(commands) {
  await Promise.all(
    Array.from({ length: 10 }, async (_, lane) => {
      for (let index = 0; index < commands / 10; index += 2) {
        await client.set(`bench:${lane}:${index}`, VALUE);
        await client.get(`bench:${lane}:${index}`);
      }
    }),
  );
}

/** @param {number} commands */
async function pipeline(commands) {
  const pipeline = client.pipeline();
  for (let index = 0; index < commands; index += 2)
    pipeline.set(`bench:${index}`, VALUE).get(`bench:${index}`);
  await pipeline.exec();
}
