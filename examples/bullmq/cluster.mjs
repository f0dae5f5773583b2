// BullMQ on an OSS cluster, the default of Azure Managed Redis: a producer and a worker on a Cluster of ioredis, while
// tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/bullmq/cluster.mjs
//
// Without Azure: `npx azure-redis-emulator --cluster 3 --token-lifetime 30s` in another terminal, then, with the
// environment that it prints, `node examples/bullmq/cluster.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import { Cluster } from "ioredis";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const name = `example-${randomUUID()}`;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

// The nodes announce IP addresses, and are reached and verified under the name of the cache.
const connection = passwordless(Cluster, [REDIS_URL], { redisOptions: { maxRetriesPerRequest: null } });
// The scripts of BullMQ need all keys of a queue on one shard: what is in braces decides which.
const options = { connection, prefix: `{${name}}` };

const queue = new Queue(name, options);
/** @type {Map<number, number>} how often each job has been processed */
const processed = new Map();
const worker = new Worker(
  name,
  async (job) => {
    processed.set(job.data.number, (processed.get(job.data.number) ?? 0) + 1);
  },
  { ...options, concurrency: 4 },
);
connection.on("error", failed);
queue.on("error", failed);
worker.on("error", failed);
worker.on("failed", (_job, error) => failed(error));
await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);

let added = 0;
console.log("ready: adding jobs until Ctrl-C");
while (!stopped.aborted) {
  await queue.add("count", { number: added }, { removeOnComplete: true }).then(() => (added += 1), failed);
  await sleep(10);
}

await until(() => processed.size === added);
await worker.close();
await queue.obliterate();
await queue.close();
await connection.quit();

const twice = [...processed.values()].filter((times) => times > 1).length;
console.log(
  `done: ${added} jobs added, ${processed.size} processed, ${twice} of them twice, ${errors} errors`,
);
process.exitCode = processed.size === added && twice === 0 && errors === 0 ? 0 : 1;
