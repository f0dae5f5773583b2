// socket.io with @socket.io/redis-adapter: two servers, a browser's socket on each; what one sends, the other one
// gets through Redis, while tokens change.
//
//   REDIS_URL=rediss://my-cache.westus3.redis.azure.net:10000 node examples/socket.io/main.mjs
//
// Without Azure: `npx azure-redis-emulator --token-lifetime 30s` in another terminal, then, with the environment
// that it prints, `node examples/socket.io/main.mjs`. Ctrl-C ends it.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { passwordless } from "redis-passwordless/ioredis";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";
import { stopped, until } from "../lib/stop.mjs";

const { REDIS_URL = "rediss://my-cache.westus3.redis.azure.net:10000" } = process.env;
const key = `example-${randomUUID()}`;
let errors = 0;

/** @param {unknown} error */
function failed(error) {
  errors += 1;
  console.error(error);
}

async function startServer() {
  const publisher = passwordless(Redis, REDIS_URL);
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on("error", failed);

  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(publisher, subscriber, { key }) });
  io.on("connection", (socket) => socket.on("chat", (message) => socket.broadcast.emit("chat", message)));
  http.listen(0, "127.0.0.1");
  await Promise.all([once(http, "listening"), once(subscriber, "ready")]);

  const { port } = /** @type {import("node:net").AddressInfo} */ (http.address());
  const close = async () => {
    await io.close(); // Closes the HTTP server and takes back the subscriptions, so it needs its Redis until then.
    await Promise.all([subscriber.quit(), publisher.quit()]);
  };
  return { io, url: `http://127.0.0.1:${port}`, close };
}

const servers = await Promise.all([startServer(), startServer()]);
const sockets = servers.map(({ url }) => connect(url, { transports: ["websocket"] }));
await Promise.all(
  sockets.map((socket) => new Promise((resolve) => socket.on("connect", () => resolve(true)))),
);
// Each server knows of the other one's sockets once both have subscribed.
while ((await servers[0]?.io.fetchSockets())?.length !== 2) await sleep(50);

const received = sockets.map(() => 0);
for (const [index, socket] of sockets.entries()) {
  socket.on("chat", (message) => {
    if (message === (received[index] ?? 0) + 1) received[index] = message;
  });
}

let sent = 0;
console.log("ready: chatting until Ctrl-C");
while (!stopped.aborted) {
  sent += 1;
  for (const socket of sockets) socket.emit("chat", sent);
  await sleep(10);
}

await until(() => received.every((count) => count === sent));
for (const socket of sockets) socket.disconnect();
await Promise.all(servers.map((server) => server.close()));

console.log(
  `done: ${sent} messages sent by each socket, received ${received.join(" and ")}, ${errors} errors`,
);
process.exitCode = received.every((count) => count === sent) && errors === 0 ? 0 : 1;
