// iovalkey: transactions, and a subscription in RESP2, which cannot log in again by itself, while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/iovalkey/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/iovalkey/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "iovalkey";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const prefix = `example:{${randomUUID()}}`; // One hash slot: the keys of a transaction must be on one shard.
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

const valkey = passwordless(Redis, REDIS_URL);
const subscriber = valkey.duplicate();
for (const client of [valkey, subscriber]) client.on("error", failed);

let sent = 0;
let received = 0;
subscriber.on("message", (_channel, message) => {
  if (Number(message) === received + 1) received += 1;
});
await subscriber.subscribe(`${prefix}:news`);

let wrong = 0;
console.log("ready: transactions until Ctrl-C");
while (!stopped.aborted) {
  sent += 1;
  try {
    const replies = await valkey
      .multi()
      .incr(`${prefix}:stock`)
      .publish(`${prefix}:news`, String(sent))
      .incr(`${prefix}:orders`)
      .exec();
    const [stock, , orders] = replies?.map(([, reply]) => reply) ?? [];
    if (replies?.length !== 3 || stock !== sent || orders !== sent) wrong += 1;
  } catch (error) {
    failed(error);
  }
  await sleep(10);
}

await until(() => received === sent);
const counted = Number(await valkey.get(`${prefix}:orders`));
await valkey.del(`${prefix}:stock`, `${prefix}:orders`);
await Promise.all([subscriber.quit(), valkey.quit()]);

console.log(
  `done: ${sent} transactions, ${counted} counted, ${wrong} wrong, ${received} messages received, ${errors} errors`,
);
process.exitCode = counted === sent && received === sent && wrong === 0 && errors === 0 ? 0 : 1;
