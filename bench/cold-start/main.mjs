import { startEmulator } from "azure-redis-emulator";
import { load } from "../lib/machine.mjs";
import { median, pairedRatio, pairedRatios, spread } from "../lib/statistics.mjs";
import { runFresh } from "./fresh-process.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */

const OURS = "redis-passwordless";
const ONE_CALL = "redis-passwordless, azureRedis()";
const PEER = "@redis/entraid, managed identity";
const PEER_DEFAULT = "@redis/entraid, DefaultAzureCredential";
const FLOOR = "node-redis, static password";

const CONNECTS = {
  [FLOOR]: "connect-static-password.mjs",
  [OURS]: "connect-redis-passwordless.mjs",
  [ONE_CALL]: "connect-azure-redis.mjs",
  [PEER]: "connect-redis-entraid.mjs",
  [PEER_DEFAULT]: "connect-redis-entraid-default-credential.mjs",
};

const OUR_IMPORTS = [
  "redis-passwordless",
  "redis-passwordless/node-redis",
  "redis-passwordless/ioredis",
  "redis-passwordless/azure",
];
const IMPORTS = [...OUR_IMPORTS, "@redis/entraid", "@azure/identity"];

/** @param {string} specifier */
function clientOf(specifier) {
  return specifier.endsWith("/ioredis") ? "ioredis" : "redis";
}

/**
 * How long a fresh process takes to its first PONG, and how much of it is importing.
 *
 * @param {{ repetitions: number | undefined }} options
 * @returns {Promise<Report>}
 */
export async function coldStart({ repetitions = 31 }) {
  const before = load();
  const connects = await measureConnects(repetitions);
  const alone = await measureImports(repetitions, () => undefined);
  const afterClient = await measureImports(repetitions, clientOf);
  const of = (/** @type {string} */ name) => connects.get(name) ?? [];
  const overFloor = (/** @type {string} */ name) =>
    median(of(name).map((value, index) => value - (of(FLOOR)[index] ?? 0)));
  return {
    title: "Cold start",
    method:
      "A fresh process from its spawn to the first PONG, over TLS, with the system-assigned managed identity of the local Azure; then the time of `await import()` alone in a fresh process. " +
      `${repetitions} repetitions, taken in turns; median and quartiles in milliseconds; ratios are taken within one turn, and shown likewise.`,
    load: before,
    packages: ["redis", "ioredis", "@redis/entraid", "@azure/identity"],
    tables: [
      {
        title: "Spawn to first PONG",
        columns: ["", "ms", "more than a static password, ms", "redis-passwordless against it"],
        rows: [...connects].map(([name, values]) => [
          name,
          spread(values),
          name === FLOOR ? "" : overFloor(name).toFixed(0),
          name === OURS ? "" : spread(pairedRatios(of(OURS), values), 2),
        ]),
      },
      {
        title: "Import",
        columns: ["", "alone, ms", "with its client imported before, ms"],
        rows: IMPORTS.map((name) => [
          name,
          spread(alone.get(name) ?? [], 1),
          spread(afterClient.get(name) ?? [], 1),
        ]),
      },
    ],
    goals: [
      {
        what: "first PONG, against @redis/entraid with managed identity",
        value: pairedRatio(of(OURS), of(PEER)),
        atMost: 0.75,
        digits: 3,
      },
      {
        what: "first PONG, against @redis/entraid with DefaultAzureCredential",
        value: pairedRatio(of(OURS), of(PEER_DEFAULT)),
        atMost: 0.75,
        digits: 3,
      },
      ...OUR_IMPORTS.flatMap((name) => [
        { what: `import of ${name} alone, ms`, value: median(alone.get(name) ?? []), atMost: 15, digits: 1 },
        {
          what: `import of ${name} after its client, ms`,
          value: median(afterClient.get(name) ?? []),
          atMost: 15,
          digits: 1,
        },
      ]),
    ],
    notes: [
      `A static password takes ${pairedRatio(of(FLOOR), of(PEER)).toFixed(2)} of the time of @redis/entraid with managed identity: Node.js, node-redis and TLS, which no library can make shorter. ` +
        `Of what @redis/entraid adds to it (${overFloor(PEER).toFixed(0)} ms), redis-passwordless adds ${(overFloor(OURS) / overFloor(PEER)).toFixed(2)}.`,
    ],
  };
}

/** @param {number} repetitions */
async function measureConnects(repetitions) {
  const azure = await startEmulator();
  try {
    return await connectInTurns(azure, repetitions);
  } finally {
    await azure.close();
  }
}

/**
 * @param {import("azure-redis-emulator").Emulator} azure
 * @param {number} repetitions
 */
async function connectInTurns(azure, repetitions) {
  const { objectId } = azure.systemIdentity;
  const env = {
    ...azure.env(),
    REDIS_USERNAME: objectId,
    REDIS_PASSWORD: await azure.issueToken(objectId),
  };
  const times = table(Object.keys(CONNECTS));
  for (let turn = -1; turn < repetitions; turn += 1) {
    for (const [name, script] of Object.entries(CONNECTS)) {
      const { output, firstOutputMs } = await runFresh(script, { env });
      if (output !== "PONG\n")
        throw new Error(`${script} printed ${JSON.stringify(output)} instead of PONG.`);
      // The first turn only fills the system's file cache.
      if (turn >= 0) times.get(name)?.push(firstOutputMs);
    }
  }
  return times;
}

/**
 * @param {number} repetitions
 * @param {(specifier: string) => string | undefined} before what is imported first, and not counted
 */
async function measureImports(repetitions, before) {
  const times = table(IMPORTS);
  for (let turn = -1; turn < repetitions; turn += 1) {
    for (const name of IMPORTS) {
      const first = before(name);
      const args = first === undefined ? [name] : [name, first];
      const { output } = await runFresh("time-import.mjs", { args });
      if (turn >= 0) times.get(name)?.push(Number(output));
    }
  }
  return times;
}

/**
 * @param {readonly string[]} names
 * @returns {Map<string, number[]>}
 */
function table(names) {
  return new Map(names.map((name) => [name, []]));
}
