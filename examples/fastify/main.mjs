// Fastify with @fastify/redis on a client of ioredis, which it closes after the server; a visitor counts along, while
// tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/fastify/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/fastify/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import fastifyRedis from "@fastify/redis";
import Fastify from "fastify";
import { Redis } from "ioredis";
import { passwordless } from "redis-passwordless/ioredis";
import { stopped } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

const redis = passwordless(Redis, REDIS_URL);
redis.on("error", failed); // Says why, where @fastify/redis would only say that it did not start in time.
const app = Fastify({ forceCloseConnections: "idle" });
await app.register(fastifyRedis, { client: redis, closeClient: true });

app.post("/visits/:page", async (request) => {
  const { page } = /** @type {{ page: string }} */ (request.params);
  return { visits: await app.redis.incr(`example:visits:${page}`) };
});
app.delete("/visits/:page", async (request, reply) => {
  const { page } = /** @type {{ page: string }} */ (request.params);
  await app.redis.del(`example:visits:${page}`);
  return reply.code(204).send();
});

// The rest is a visitor, to see that no visit gets lost.
const address = await app.listen({ host: "127.0.0.1", port: 0 });
const page = `${address}/visits/${randomUUID()}`;

let visits = 0;
let right = 0;
console.log(`ready: ${address} is visited until Ctrl-C`);
while (!stopped.aborted) {
  visits += 1;
  const response = await fetch(page, { method: "POST" });
  const answer = /** @type {{ visits?: number }} */ (await response.json());
  if (response.ok && answer.visits === visits) right += 1;
  await sleep(10);
}
await fetch(page, { method: "DELETE" });

await app.close(); // Requests that are under way first, then their Redis.

console.log(`done: ${visits} visits, ${right} counted right, ${errors} errors`);
process.exitCode = right === visits && errors === 0 ? 0 : 1;
