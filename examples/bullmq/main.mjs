// BullMQ: a producer, a worker and the queue's events on one client of ioredis, while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/bullmq/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/bullmq/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue, QueueEvents, Worker } from "bullmq";
import { Redis } from "ioredis";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const { hostname: host, port } = new URL(REDIS_URL);
const name = `example-${randomUUID()}`;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

// Workers and events block on duplicates of this client; BullMQ takes no client that would give up.
const connection = passwordless(Redis, { host, port: Number(port), tls: {}, maxRetriesPerRequest: null });
// An access policy without INFO (such as Data Contributor) needs `skipVersionCheck: true` among these.
const options = { connection };

const queue = new Queue(name, options);
// From the first event on: "ready" does not mean that events are being read already.
const events = new QueueEvents(name, { ...options, lastEventId: "0" });
/** @type {Map<unknown, number>} how often each job has been processed */
const processed = new Map();
const worker = new Worker(
  name,
  async (job) => {
    processed.set(job.id, (processed.get(job.id) ?? 0) + 1);
    return job.data.number * 2;
  },
  { ...options, concurrency: 4, removeOnComplete: { count: 0 } },
);
queue.on("error", failed);
events.on("error", failed);
worker.on("error", failed);

let completed = 0;
events.on("completed", () => (completed += 1));
events.on("failed", ({ failedReason }) => failed(failedReason));
await Promise.all([queue.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);

let added = 0;
console.log("ready: adding jobs until Ctrl-C");
while (!stopped.aborted) {
  await queue.add("double", { number: added }).then(() => (added += 1), failed);
  await sleep(10);
}

// First whoever adds, then whoever works, then whoever listens; the client that is ours at the end.
await until(() => completed === added);
await worker.close();
await events.close();
await queue.obliterate();
await queue.close();
await connection.quit();

const twice = [...processed.values()].filter((times) => times > 1).length;
console.log(
  `done: ${added} jobs added, ${processed.size} processed, ${twice} of them twice, ${completed} completed, ${errors} errors`,
);
const isExact = processed.size === added && completed === added && twice === 0;
process.exitCode = isExact && errors === 0 ? 0 : 1;
