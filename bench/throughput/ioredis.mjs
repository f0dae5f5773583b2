import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startEmulator } from "azure-redis-emulator";

/** @typedef {import("azure-redis-emulator").Emulator} Emulator */
/** @typedef {import("./worker.mjs").Rates} Rates */
/** @typedef {import("./ioredis-worker.mjs").Library} Library */
/** @typedef {import("./ioredis-worker.mjs").Login} Login */
/** @typedef {import("./ioredis-worker.mjs").Workload} Workload */
/** What was measured of one client with one workload: the nth values of both were measured next to each other. */
/** @typedef {Record<Login, Rates[]>} Pairs */

/** @type {readonly Library[]} */
export const LIBRARIES = ["ioredis", "ioredis-5", "iovalkey"];
/** @type {readonly Workload[]} */
export const WORKLOADS = ["burst", "lanes", "pipeline"];

const WARM_UP_MS = 500;
const SLICE_MS = 100;
const SLICES = 8;

/**
 * Has two processes for each client at a time, one with a static password and one with `passwordless`, and lets them
 * work in turns for a tenth of a second each. Both go over TLS through the emulator's gateway.
 *
 * @param {number} repetitions pairs of processes for each client
 * @returns {Promise<Map<`${Library} ${Workload}`, Pairs>>}
 */
export async function measureIoRedis(repetitions) {
  const azure = await startEmulator();
  try {
    /** @type {Map<`${Library} ${Workload}`, Pairs>} */
    const all = new Map();
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      for (const library of LIBRARIES) await measurePair(azure, library, all);
    }
    return all;
  } finally {
    await azure.close();
  }
}

/**
 * @param {Emulator} azure
 * @param {Library} library
 * @param {Map<`${Library} ${Workload}`, Pairs>} all
 */
async function measurePair(azure, library, all) {
  const { objectId } = azure.systemIdentity;
  const task = {
    url: azure.redis.url,
    username: objectId,
    password: await azure.issueToken(objectId),
    library,
  };
  const workers = {
    static: await Worker.start({ ...task, login: "static" }, azure.env()),
    passwordless: await Worker.start({ ...task, login: "passwordless" }, azure.env()),
  };
  for (const workload of WORKLOADS) {
    await workers.static.run(workload, WARM_UP_MS);
    await workers.passwordless.run(workload, WARM_UP_MS);
    /** @type {Pairs} */
    const pairs = all.get(`${library} ${workload}`) ?? { static: [], passwordless: [] };
    all.set(`${library} ${workload}`, pairs);
    for (let slice = 0; slice < SLICES; slice += 1) {
      // Whoever is first now is second in the next turn.
      const order = /** @type {const} */ (["static", "passwordless"]);
      for (const login of slice % 2 === 0 ? order : order.toReversed()) {
        pairs[login].push(await workers[login].run(workload, SLICE_MS));
      }
    }
  }
  await Promise.all([workers.static.end(), workers.passwordless.end()]);
}

class Worker {
  /** @type {import("node:child_process").ChildProcess} */
  #process;

  /** @param {import("node:child_process").ChildProcess} child */
  constructor(child) {
    this.#process = child;
  }

  /**
   * @param {import("./ioredis-worker.mjs").Task} task
   * @param {Record<string, string>} env
   */
  static async start(task, env) {
    const path = fileURLToPath(new URL("ioredis-worker.mjs", import.meta.url));
    const child = fork(path, [JSON.stringify(task)], { env: { ...process.env, ...env }, execArgv: [] });
    const worker = new Worker(child);
    await worker.#answer();
    return worker;
  }

  /**
   * @param {Workload} workload
   * @param {number} forMs
   * @returns {Promise<Rates>}
   */
  async run(workload, forMs) {
    const answer = this.#answer();
    this.#process.send({ workload, forMs });
    return /** @type {Rates} */ (await answer);
  }

  async end() {
    const exit = once(this.#process, "exit");
    this.#process.disconnect();
    await exit;
  }

  async #answer() {
    const ended = new AbortController();
    const { signal } = ended;
    try {
      const [answer] = await Promise.race([
        once(this.#process, "message", { signal }),
        once(this.#process, "exit", { signal }).then(([code]) => {
          throw new Error(`A worker ended with exit code ${String(code)}.`);
        }),
      ]);
      return answer;
    } finally {
      ended.abort();
    }
  }
}
