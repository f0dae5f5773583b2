// Keyv with @keyv/valkey, which brings its own iovalkey: give it options. What is written is read back while tokens
// change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/keyv-valkey/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/keyv-valkey/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import KeyvValkey from "@keyv/valkey";
import { Keyv } from "keyv";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const { hostname: host, port } = new URL(REDIS_URL);
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

const store = new KeyvValkey(passwordless({ host, port: Number(port), tls: {} }), {
  useRedisSets: false, // Otherwise each key also goes into one set, in a transaction that a cluster refuses.
});
const keyv = new Keyv({ store, namespace: `example:${randomUUID()}`, throwOnErrors: true });
keyv.on("error", failed);
await store.redis.ping();

const TTL_MS = 60_000;
let writes = 0;
let right = 0;
console.log("ready: writing and reading until Ctrl-C");
while (!stopped.aborted) {
  writes += 1;
  try {
    await keyv.set(`order:${writes}`, { number: writes }, TTL_MS);
    const order = await keyv.get(`order:${writes}`);
    if (order?.number === writes && (await keyv.delete(`order:${writes}`))) right += 1;
  } catch (error) {
    failed(error);
  }
  await sleep(10);
}

await keyv.disconnect();

console.log(`done: ${writes} entries written, ${right} read and deleted, ${errors} errors`);
process.exitCode = right === writes && errors === 0 ? 0 : 1;
