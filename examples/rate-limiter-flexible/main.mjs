// rate-limiter-flexible on ioredis: of twelve requests of each caller ten are let through, while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/rate-limiter-flexible/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/rate-limiter-flexible/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { RateLimiterRedis, RateLimiterRes } from "rate-limiter-flexible";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const run = randomUUID();
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

const redis = passwordless(Redis, REDIS_URL);
redis.on("error", failed);
await redis.ping();

const limiter = new RateLimiterRedis({
  storeClient: redis,
  keyPrefix: "example:limit",
  points: 10,
  duration: 60,
});

/**
 * @param {string} caller
 * @returns {Promise<boolean>} whether the request may pass
 */
async function mayPass(caller) {
  try {
    await limiter.consume(caller);
    return true;
  } catch (refusal) {
    // A refusal is no Error: everything else is trouble with Redis.
    if (!(refusal instanceof RateLimiterRes)) failed(refusal);
    return false;
  }
}

let callers = 0;
let passed = 0;
console.log("ready: requests until Ctrl-C");
while (!stopped.aborted) {
  callers += 1;
  const caller = `${run}:${callers}`;
  const verdicts = await Promise.all(Array.from({ length: 12 }, () => mayPass(caller)));
  passed += verdicts.filter(Boolean).length;
  await limiter.delete(caller);
  await sleep(10);
}

await redis.quit();

console.log(`done: ${12 * callers} requests of ${callers} callers, ${passed} let through, ${errors} errors`);
process.exitCode = passed === 10 * callers && errors === 0 ? 0 : 1;
