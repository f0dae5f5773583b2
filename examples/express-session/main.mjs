// Express sessions with connect-redis, which takes node-redis; visitors keep their sessions while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/express-session/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/express-session/main.mjs`. Ctrl-C ends it.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { RedisStore } from "connect-redis";
import express from "express";
import session from "express-session";
import { createClient } from "redis";
import { passwordless } from "redis-passwordless/node-redis";
import { stopped } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

const client = createClient(passwordless({ url: REDIS_URL }));
client.on("error", failed);
await client.connect();

const app = express();
app.use(
  session({
    store: new RedisStore({ client, prefix: "example:session:", ttl: 600 }),
    secret: randomBytes(32).toString("hex"), // In an application: from its configuration, the same in all processes.
    resave: false,
    saveUninitialized: false,
  }),
);
app.get("/", (request, response) => {
  const visitor = /** @type {session.SessionData & { views?: number }} */ (request.session);
  visitor.views = (visitor.views ?? 0) + 1;
  response.json({ views: visitor.views });
});
const server = app.listen(0, "127.0.0.1");
await once(server, "listening");

// The rest are visitors, to see that each keeps its session.
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
const visitors = Array.from({ length: 5 }, () => ({ cookie: "", views: 0, lost: 0 }));

/** @param {typeof visitors[number]} visitor */
async function visit(visitor) {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie: visitor.cookie } });
  visitor.cookie = response.headers.get("set-cookie")?.split(";")[0] ?? visitor.cookie;
  visitor.views += 1;
  const answer = response.ok ? /** @type {{ views: number }} */ (await response.json()) : undefined;
  if (answer?.views !== visitor.views) visitor.lost += 1;
}

console.log(`ready: ${visitors.length} visitors until Ctrl-C`);
while (!stopped.aborted) {
  await Promise.all(visitors.map(visit));
  await sleep(10);
}

server.close(); // Requests first, …
await once(server, "close");
await client.close(); // … then what they use.

const views = visitors.reduce((sum, visitor) => sum + visitor.views, 0);
const lost = visitors.reduce((sum, visitor) => sum + visitor.lost, 0);
console.log(`done: ${views} views in ${visitors.length} sessions, ${lost} lost, ${errors} errors`);
process.exitCode = lost === 0 && errors === 0 ? 0 : 1;
