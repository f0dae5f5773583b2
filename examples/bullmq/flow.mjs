// BullMQ flows with plain options: BullMQ makes the clients itself, and all of them log in; a parent job waits for
// its three children, while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/bullmq/flow.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/bullmq/flow.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { FlowProducer, Queue, QueueEvents, Worker } from "bullmq";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const { hostname: host, port } = new URL(REDIS_URL);
const run = randomUUID();
const [prices, orders] = [`prices-${run}`, `orders-${run}`];
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

const options = {
  // An access policy without INFO (such as Data Contributor) needs `skipVersionCheck: true` among these.
  connection: passwordless({ host, port: Number(port), tls: {}, maxRetriesPerRequest: null }),
};

const flows = new FlowProducer(options);
// From the first event on: "ready" does not mean that events are being read already.
const events = new QueueEvents(orders, { ...options, lastEventId: "0" });
const workers = [
  new Worker(prices, async (job) => job.data.quantity * 3, { ...options, concurrency: 8 }),
  new Worker(
    orders,
    async (job) => Object.values(await job.getChildrenValues()).reduce((sum, price) => sum + price, 0),
    { ...options, concurrency: 4 },
  ),
];
flows.on("error", failed);
events.on("error", failed);
for (const worker of workers) worker.on("error", failed);

/** @type {Map<string, number[]>} what was heard of each order */
const sums = new Map();
events.on("completed", ({ jobId, returnvalue }) => {
  sums.set(jobId, [...(sums.get(jobId) ?? []), Number(returnvalue)]);
});
events.on("failed", ({ failedReason }) => failed(failedReason));
await Promise.all([flows, events, ...workers].map((part) => part.waitUntilReady()));

/** @type {Map<string, number>} what each order must come to */
const expected = new Map();
console.log("ready: placing orders until Ctrl-C");
while (!stopped.aborted) {
  const quantities = [1, 2, expected.size];
  await flows
    .add({
      name: "order",
      queueName: orders,
      children: quantities.map((quantity) => ({ name: "price", queueName: prices, data: { quantity } })),
    })
    .then(({ job }) => expected.set(String(job.id), 3 * (3 + (quantities[2] ?? 0))), failed);
  await sleep(20);
}

// First whoever adds, then whoever works, then whoever listens.
await until(() => sums.size === expected.size);
await flows.close();
await Promise.all(workers.map((worker) => worker.close()));
await events.close();
for (const name of [orders, prices]) {
  const queue = new Queue(name, options);
  await queue.obliterate();
  await queue.close();
}

const right = [...expected].filter(([id, sum]) => sums.get(id)?.join() === String(sum)).length;
console.log(`done: ${expected.size} orders placed, ${right} right, each once, ${errors} errors`);
process.exitCode = right === expected.size && sums.size === expected.size && errors === 0 ? 0 : 1;
