import { afterAll, beforeAll, expect, test } from "vitest";
import { ProxiedCache } from "./support.js";
import { ServerAdmin } from "./transparency/server-admin.js";

let cache: ProxiedCache;
let admin: ServerAdmin;

beforeAll(async () => {
  cache = await ProxiedCache.start();
  admin = await ServerAdmin.connect(cache.azure.redis.backendUrl);
  await admin.run([["CONFIG", "SET", "lua-time-limit", "1"]]);
});
afterAll(async () => {
  admin.close();
  await cache[Symbol.asyncDispose]();
});

/** Lets a script run until it is killed, so that everybody is refused. */
async function occupy(): Promise<() => Promise<void>> {
  const occupier = await ServerAdmin.connect(cache.azure.redis.backendUrl);
  const killed = occupier.run([["EVAL", "while true do end", "0"]]);
  while (!String(await admin.run([["GET", "name"]])).includes("BUSY"));
  return async () => {
    await admin.run([["SCRIPT", "KILL"]]);
    await killed;
    occupier.close();
  };
}

// Redis's own suite: tests/unit/multi.tcl, "MULTI and script timeout".
test("a client is cut off rather than given a reply that is not its own", async () => {
  const client = await cache.raw();
  expect(await client.write("ECHO before").read(1)).toEqual(["$6\r\nbefore\r\n"]);
  const free = await occupy();
  // In a write of its own, a MULTI is looked after: behind a PING, which is refused.
  client.write("MULTI");
  await client.closed;
  expect(client.frames).toEqual(["$6\r\nbefore\r\n"]);
  await free();
});

test("a client that comes while a script runs has everything as from the server", async () => {
  const free = await occupy();
  const client = await cache.raw();
  expect(await client.write("GET name").read(1)).toEqual([expect.stringMatching(/^-BUSY /)]);
  expect((await client.write("MULTI").read(2))[1]).toBe("+OK\r\n");
  expect((await client.write("GET name").read(3))[2]).toMatch(/^-BUSY /);
  await free();
  expect((await client.write("EXEC").read(4))[3]).toMatch(/^-EXECABORT /);
  expect((await client.write("ECHO after").read(5))[4]).toBe("$5\r\nafter\r\n");
  client.socket.destroy();
});
