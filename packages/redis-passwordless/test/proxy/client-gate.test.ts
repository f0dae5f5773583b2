import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeCommand } from "resp-framing";
import { expect, onTestFinished, test, vi } from "vitest";
import { ClientDesk } from "../../src/proxy/client-desk.js";
import { passGate } from "../../src/proxy/client-gate.js";
import { ProxiedCache } from "./support.js";

/** Both ends of a Unix socket, whose buffers are small. */
async function pair(): Promise<readonly [near: Socket, far: Socket]> {
  const folder = mkdtempSync(join(tmpdir(), "gate-"));
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(
    join(folder, "gate.sock"),
  );
  await once(server, "listening");
  const far = connect(join(folder, "gate.sock"));
  const [near] = (await once(server, "connection")) as [Socket];
  onTestFinished(() => {
    for (const socket of [near, far]) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return [near, far];
}

// Redis closes such a client (CVE-2025-21605); here it waits, as one that is logged in would.
test("a stranger who reads no answer is not read on, and gets all of them when it does", async () => {
  const [near, far] = await pair();
  const passed = passGate(near, new ClientDesk("open sesame"), new AbortController().signal);
  const commands = 50_000;
  const ping = encodeCommand(["PING"]);
  far.write(Buffer.concat(Array.from({ length: commands }, () => ping)));
  far.write(encodeCommand(["AUTH", "open sesame"]));
  await vi.waitFor(() => expect(near.isPaused()).toBe(true));
  expect(near.writableLength).toBeLessThan(1_048_576);

  let answers = "";
  far.on("data", (bytes: Buffer) => {
    answers += bytes.toString("latin1");
  });
  expect(await passed).toHaveLength(0);
  await vi.waitFor(() => expect(answers.endsWith("+OK\r\n")).toBe(true));
  expect(answers.match(/-NOAUTH /g)).toHaveLength(commands);
});

test.each([
  ["says QUIT", encodeCommand(["QUIT"]), "+OK\r\n"],
  ["sends something long", Buffer.from("*2\r\n$4\r\nAUTH\r\n$16385\r\n"), "-ERR Protocol error: "],
])(
  "a stranger who %s gets to read the answer, whatever follows, and leaves nothing open",
  async (_, said, answer) => {
    await using cache = await ProxiedCache.start({}, { clientPassword: "open sesame" });
    const client = await cache.raw();
    client.socket.write(said);
    expect((await client.read(1))[0]).toContain(answer);
    client.socket.end(encodeCommand(["PING"]));
    await client.closed;
    await vi.waitFor(() => expect(cache.proxy.status().instances[0]?.counters.openClients).toBe(0));
    expect(client.frames).toHaveLength(1);
  },
);
