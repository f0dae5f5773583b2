import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { giveUpPort, listenOnLastingPort } from "../src/lasting-port.js";

/** Whether another process would find the port free, which looks at UDP first. */
async function isFree(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  const settled = new Promise<boolean>((resolve) => {
    socket.once("listening", () => resolve(true)).once("error", () => resolve(false));
  });
  socket.bind({ port, address: "127.0.0.1", exclusive: true });
  const isBound = await settled;
  socket.close();
  return isBound;
}

test("a port is kept while nobody listens on it, until it is given up", async () => {
  const server = createServer();
  const port = await listenOnLastingPort(server, "127.0.0.1");
  onTestFinished(() => giveUpPort(port));
  expect(await isFree(port)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await isFree(port)).toBe(false);
  giveUpPort(port);
  await expect.poll(() => isFree(port)).toBe(true);
});
