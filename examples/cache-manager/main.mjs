// cache-manager with Keyv and @keyv/redis, which brings its own node-redis: give it options. What is in the cache is
// not loaded again, while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/cache-manager/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/cache-manager/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createKeyv } from "@keyv/redis";
import { createCache } from "cache-manager";
import { passwordless } from "redis-passwordless/node-redis";
import { stopped } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

// Without `throwOnErrors` a failure looks like a key that is not there.
const keyv = createKeyv(passwordless({ url: REDIS_URL }), {
  namespace: `example:${randomUUID()}`,
  throwOnErrors: true,
});
keyv.on("error", failed);
const cache = createCache({ stores: [keyv], ttl: 600_000 });
await keyv.store.getClient();

let loads = 0;
/** @param {number} id */
async function loadUser(id) {
  loads += 1;
  return { id, name: `user ${id}` };
}

let reads = 0;
let right = 0;
let users = 0;
console.log("ready: reading until Ctrl-C");
while (!stopped.aborted) {
  // A new user each time, and two that are known.
  users += 1;
  for (const id of [users, users, Math.ceil(users / 2)]) {
    reads += 1;
    const user = await cache.wrap(`user:${id}`, () => loadUser(id)).catch(failed);
    if (typeof user === "object" && user.id === id) right += 1;
  }
  await sleep(10);
}

await cache.clear();
await cache.disconnect();

console.log(`done: ${reads} reads, ${right} right, ${users} users loaded ${loads} times, ${errors} errors`);
process.exitCode = right === reads && loads === users && errors === 0 ? 0 : 1;
