// A program that uses the library as it is shipped, with a garbage collection every now and then:
// `node --expose-gc busy-client.mjs <package of the client>`. It runs until its input ends.

import { setInterval } from "node:timers/promises";

const [name = "redis"] = process.argv.slice(2);
const connections = 3;
const url = new URL(process.env["REDIS_URL"] ?? "");

/** @returns {Promise<{ incr(key: string): Promise<number> }[]>} */
async function connect() {
  if (name.startsWith("redis")) {
    /** @type {typeof import("redis")} */
    const library = await import(name);
    const { passwordless } = await import("redis-passwordless/node-redis");
    const clients = Array.from({ length: connections }, () =>
      library.createClient(passwordless({ url: url.href })).on("error", report),
    );
    return Promise.all(clients.map((client) => client.connect()));
  }
  /** @type {typeof import("ioredis")} */
  const { Redis } = await import(name);
  const { passwordless } = await import("redis-passwordless/ioredis");
  return Array.from({ length: connections }, () => passwordless(Redis, url.href).on("error", report));
}

let failed = 0;

/** @param {Error} error */
function report(error) {
  failed += 1;
  process.stderr.write(`${error.message}\n`);
}

const clients = await connect();
process.stdin.resume().once("end", () => process.exit(failed === 0 ? 0 : 1));
for await (const _ of setInterval(10)) {
  await Promise.all(clients.map((client) => client.incr("counter").catch(report)));
  globalThis.gc?.();
}
