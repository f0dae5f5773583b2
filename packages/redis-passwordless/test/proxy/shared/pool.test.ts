import { expect, onTestFinished, test, vi } from "vitest";
import { CommandTable } from "../../../src/proxy/shared/command-table.js";
import { Pool } from "../../../src/proxy/shared/pool.js";
import { Pooling } from "../../../src/proxy/shared/pooling.js";
import { ProxiedCache } from "../support.js";
import { connectionsOf, serverOf } from "./pooled.js";
import { Bench } from "./support.js";

test("a connection that is being opened when the proxy ends is no failure of the cache", async () => {
  await using cache = await ProxiedCache.start({}, { pool: 1 });
  const silence = cache.azure.redis.injectConnectionFault({ kind: "silent" });
  const failures: unknown[] = [];
  cache.proxy.on("upstreamFailed", ({ error }) => failures.push(error));
  const client = await cache.raw();
  client.write("PING");
  await vi.waitFor(() => expect(silence.applied).toBe(1));
  await cache.proxy.close();
  await client.closed;
  expect(failures).toEqual([]);
});

test.each([2, 3] as const)(
  "a connection of RESP%i that is ready when all have been closed is closed, too",
  async (protocol) => {
    const bench = await Bench.start({ onTestFinished });
    const told: string[] = [];
    const pool = new Pool({
      server: serverOf(bench),
      size: 1,
      onConnected: () => {
        told.push("connected");
        pool.close();
      },
      onDisconnected: () => told.push("disconnected"),
      onFailed: () => told.push("failed"),
    });
    await expect(pool.get(protocol)).rejects.toThrow("the proxy is closing");
    expect(told).toEqual(["connected", "disconnected"]);
    expect(pool.size).toBe(0);
    await vi.waitFor(async () => expect(await connectionsOf(bench)).toBe(0));
  },
);

// Redis ends a connection on which such a command comes, and whatever the others have on it.
test.each(["POST / HTTP/1.1", "host: localhost"])(
  "%j ends no connection that others share",
  async (command) => {
    await using cache = await ProxiedCache.start({}, { pool: 1 });
    const others = cache.azure.waitFor("login", ({ accepted }) => accepted);
    const client = await cache.raw();
    await client.write("PING").read(1);
    const { connectionId } = await others;
    const ended = cache.azure.waitFor("disconnected");
    const attacker = await cache.raw();
    attacker.write(command);
    expect((await ended).connectionId).not.toBe(connectionId);
    await attacker.closed;
    expect(await client.write("PING").read(2)).toEqual(["+PONG\r\n", "+PONG\r\n"]);
    client.socket.destroy();
  },
);

// Redis 6, as Azure Cache for Redis has it, lists them among its commands.
test.each(["post", "host:"])("%s is nothing to share, although a server may list it as a command", (name) => {
  const pooling = new Pooling(CommandTable.from([[name, -1, ["readonly", "loading", "stale"], 0, 0, 0]]));
  expect(pooling.byName(name)).toBe("forever");
});
