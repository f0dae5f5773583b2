import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});
afterAll(() => azure.close());

/** Logs in, writes more than the server takes, and returns what came until the connection ended. */
async function overflow(): Promise<string> {
  const { objectId } = azure.systemIdentity;
  const token = await azure.issueToken(objectId);
  const socket = connect({ host: "localhost", port: azure.redis.port, ca: azure.caCertificate });
  await once(socket, "secureConnect");
  socket.on("error", () => {});
  const ended = once(socket, "close");
  socket.write(`AUTH ${objectId} ${token}\r\n`);
  let received = String((await once(socket, "data"))[0]);
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString();
  });
  // Where a number should end, within 64 KB.
  for (let part = 0; part < 40 && socket.writable; part += 1) {
    socket.write(part === 0 ? "*\0" : "payload".repeat(1_000));
    await new Promise(setImmediate);
  }
  await ended;
  return received;
}

test("a client that the server cuts off while it writes gets to read why", async () => {
  const heard = new Set<string>();
  for (let round = 0; round < 15; round += 1) heard.add(await overflow());
  expect([...heard]).toEqual(["+OK\r\n-ERR Protocol error: too big mbulk count string\r\n"]);
});
