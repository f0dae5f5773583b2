// ioredis on any cache of Azure's: the environment says where it is and who logs in, the cache says which client it
// wants, and the program is the same on a laptop, in a container and on a virtual machine.
//
//   AZURE_REDIS_HOST=my-cache.westus3.redis.azure.net node examples/azure/ioredis.mjs
//
// Without Azure: `npx azure-redis-emulator --service-connector --token-lifetime 30s` in another terminal, also with
// `--cluster 3 --cluster-announce ip`; then, with the environment that it prints, `node examples/azure/ioredis.mjs`.
// Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Cluster, Redis } from "ioredis";
import { describe } from "redis-passwordless/azure";
import { azureRedisClient } from "redis-passwordless/ioredis";
import { stopped } from "../lib/stop.mjs";

const prefix = `example:${randomUUID()}`;
// In a cluster they are on all nodes, so no command names two of them.
const keys = Array.from({ length: 32 }, (_, index) => `${prefix}:${index}`);
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

// What the environment amounts to; there are no secrets in it.
console.log(String(describe()));

const redis = await azureRedisClient({ Redis, Cluster });
redis.on("error", failed);

let sent = 0;
console.log("ready: counting until Ctrl-C");
while (!stopped.aborted) {
  sent += keys.length;
  await Promise.all(keys.map((key) => redis.incr(key))).catch(failed);
  await sleep(10);
}

const counters = await Promise.all(keys.map((key) => redis.getdel(key)));
const counted = counters.reduce((sum, counter) => sum + Number(counter), 0);
await redis.quit();

console.log(`done: ${sent} increments, ${counted} counted, ${errors} errors`);
process.exitCode = counted === sent && errors === 0 ? 0 : 1;
