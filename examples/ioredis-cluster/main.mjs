// ioredis Cluster: commands to all shards and a subscription, while tokens change on the connections to every node.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/ioredis-cluster/main.mjs
//
// The cache needs the cluster policy "OSS". Without Azure: `npx azure-redis-emulator --cluster 3 --token-lifetime 30s`
// in another terminal, then, with the environment that it prints, `node examples/ioredis-cluster/main.mjs`. Ctrl-C
// ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster } from "ioredis";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const prefix = `example:${randomUUID()}`;
const keys = Array.from({ length: 32 }, (_, index) => `${prefix}:${index}`);
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

// The nodes announce IP addresses, and are reached and verified under the name of the cache.
const cluster = passwordless(Cluster, [REDIS_URL]);
cluster.on("error", failed);

let sent = 0;
let received = 0;
const heard = new Set();
// A cluster keeps a connection of its own for subscriptions: the same object publishes and receives. Messages come
// by way of different nodes, so not in order.
cluster.on("message", (_channel, message) => {
  received += 1;
  heard.add(message);
});
await cluster.subscribe(`${prefix}:news`);

console.log(`ready: sending to ${cluster.nodes("master").length} shards until Ctrl-C`);
while (!stopped.aborted) {
  sent += 1;
  await Promise.all([
    ...keys.map((key) => cluster.incr(key)),
    cluster.publish(`${prefix}:news`, String(sent)),
  ]).catch(failed);
  await sleep(10);
}

await until(() => heard.size === sent);
const counters = await Promise.all(keys.map((key) => cluster.getdel(key)));
const counted = counters.reduce((sum, counter) => sum + Number(counter), 0);
await cluster.quit();

console.log(
  `done: ${sent * keys.length} increments, ${counted} counted, ${sent} sent, ${received} received, ${errors} errors`,
);
process.exitCode = counted === sent * keys.length && received === sent && errors === 0 ? 0 : 1;
