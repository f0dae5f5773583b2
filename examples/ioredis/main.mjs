// ioredis: commands, a subscription and a BLPOP without end, each on a connection of its own, while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/ioredis/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/ioredis/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const prefix = `example:${randomUUID()}`;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

const redis = passwordless(Redis, REDIS_URL);
// Duplicates log in by themselves, too.
const subscriber = redis.duplicate();
const worker = redis.duplicate();
for (const client of [redis, subscriber, worker]) client.on("error", failed);

let sent = 0;
let received = 0;
let worked = 0;

subscriber.on("message", (_channel, message) => {
  if (Number(message) === received + 1) received += 1;
});
await subscriber.subscribe(`${prefix}:news`);

async function work() {
  for (;;) {
    const popped = await worker.blpop(`${prefix}:jobs`, 0); // may take hours
    if (popped?.[1] === "stop") return;
    if (Number(popped?.[1]) === worked + 1) worked += 1;
  }
}
const working = work();

console.log("ready: sending until Ctrl-C");
while (!stopped.aborted) {
  sent += 1;
  await Promise.all([
    redis.incr(`${prefix}:counter`),
    redis.publish(`${prefix}:news`, String(sent)),
    redis.rpush(`${prefix}:jobs`, String(sent)),
  ]).catch(failed);
  await sleep(10);
}

// What has been sent is waited for, before the connections close.
await redis.rpush(`${prefix}:jobs`, "stop");
await working;
await until(() => received === sent);
const counted = Number(await redis.get(`${prefix}:counter`));
await redis.del(`${prefix}:counter`);
await Promise.all([worker.quit(), subscriber.quit(), redis.quit()]);

console.log(
  `done: ${sent} sent, ${counted} counted, ${received} received, ${worked} worked off, ${errors} errors`,
);
process.exitCode = counted === sent && received === sent && worked === sent && errors === 0 ? 0 : 1;
