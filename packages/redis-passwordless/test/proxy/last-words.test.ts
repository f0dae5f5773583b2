import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RedisProcess } from "../support/redis-processes.js";
import { ProxiedCache } from "./support.js";

let cache: ProxiedCache;
const atTheEnd: (() => Promise<void>)[] = [];

beforeAll(async () => {
  // No gateway in between, whose words would be the last.
  const server = await RedisProcess.start(
    { onTestFinished: (fn) => atTheEnd.push(fn) },
    { password: "administrator" },
  );
  cache = await ProxiedCache.start(
    {},
    { server: { host: server.host, port: server.port, isEncrypted: false } },
  );
  const { objectId } = cache.azure.systemIdentity;
  await server.admin.sendCommand(["ACL", "SETUSER", objectId, "on", "nopass", "~*", "&*", "+@all"]);
});
afterAll(async () => {
  await cache[Symbol.asyncDispose]();
  for (const end of atTheEnd) await end();
});

/** Writes on and on until the connection ends, and returns what came. */
async function stream(beginning: string): Promise<string> {
  const socket = connect({ ...cache.address, noDelay: true });
  await once(socket, "connect");
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString();
  });
  socket.on("error", () => {});
  const ended = new Promise<void>((resolve) => socket.once("close", resolve));
  socket.write(beginning);
  // Node.js would throw away what it has not read when one of its own writes fails.
  const write = (): void => {
    if (received.includes("-ERR") || !socket.writable) return;
    socket.write("payload".repeat(100));
    setImmediate(write);
  };
  write();
  await ended;
  return received;
}

// Redis's own suite has the like: tests/unit/protocol.tcl, "Protocol desync regression test".
test("a client that is cut off while it writes gets to read why", async () => {
  const heard = new Set<string>();
  for (let round = 0; round < 15; round += 1) heard.add(await stream("*\0"));
  expect([...heard]).toEqual(["-ERR Protocol error: too big mbulk count string\r\n"]);
});

test("what was answered before the cut is read, too", async () => {
  const replies = new Set<string>();
  for (let round = 0; round < 15; round += 1) {
    const received = await stream(`${"PING\r\n".repeat(3_000)}*\0`);
    const rest = received.replaceAll("+PONG\r\n", "");
    replies.add(`${(received.length - rest.length) / 7} ${rest}`);
  }
  expect([...replies]).toEqual(["3000 -ERR Protocol error: too big mbulk count string\r\n"]);
});
