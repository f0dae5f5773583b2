import { createSecureContext } from "node:tls";
import { startEmulator } from "azure-redis-emulator";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { expect, test, vi } from "vitest";
import { createIdentity } from "../../../src/azure/entra-id.js";
import { Upstream } from "../../../src/proxy/upstream.js";
import { PooledServer } from "./pooled.js";

const LONG = 60_000;

test(
  "through three rotations under load nothing fails, is missed, doubled or out of order, on a handful of connections",
  async (t) => {
    await using azure = await startEmulator({ tokenLifetimeMs: 3_000 });
    const identity = createIdentity(
      { managedIdentity: true, reauthenticationWindowMs: 500 },
      { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost },
    );
    await using _closing = identity;
    const { host, port } = azure.redis;
    const upstream = new Upstream({
      address: { host, port, isEncrypted: true },
      identity,
      secureContext: createSecureContext({ ca: azure.caCertificate }),
      connectTimeoutMs: 5_000,
    });
    const proxy = await PooledServer.over(t, upstream, { size: 3 });
    const socket = { port: proxy.port };
    const clients = [
      ...(await Promise.all(Array.from({ length: 10 }, () => createClient({ RESP: 2, socket }).connect()))),
      ...(await Promise.all(Array.from({ length: 10 }, () => createClient({ RESP: 3, socket }).connect()))),
    ];
    const subscribers = [createClient({ RESP: 2, socket }), createClient({ RESP: 3, socket })];
    const heard = subscribers.map((): string[] => []);
    for (const [index, subscriber] of subscribers.entries()) {
      await subscriber.connect();
      await subscriber.subscribe("numbers", (message) => heard[index]?.push(message));
    }
    const io = new Redis(socket.port);
    const blocked = new Redis(socket.port);
    const popped: string[] = [];
    const story = { isOver: false, rounds: 0 };
    const popping = (async () => {
      for (;;) {
        const [, value = ""] = (await blocked.blpop("queue", 0)) ?? [];
        if (value === "end") return;
        popped.push(value);
      }
    })();
    const loads = clients.map(async (client, index) => {
      let count = 0;
      while (!story.isOver) {
        const replies = await Promise.all([
          client.incr(`n${index}`),
          client.get(`n${index}`),
          client.echo(`${index}`),
        ]);
        count += 1;
        expect(replies).toEqual([count, String(count), `${index}`]);
      }
    });
    const transactions = (async () => {
      let count = 0;
      while (!story.isOver) {
        // Command by command, on a connection of its own.
        expect(await io.call("MULTI")).toBe("OK");
        await io.call("INCR", "t");
        await new Promise(setImmediate);
        count += 1;
        expect(await io.call("EXEC")).toEqual([count]);
        await io.rpush("queue", count);
        await io.publish("numbers", String(count));
        story.rounds = count;
      }
      await io.rpush("queue", "end");
    })();
    let tokens = 0;
    identity.on("tokenRefreshed", () => {
      tokens += 1;
    });
    await vi.waitFor(() => expect(tokens).toBeGreaterThanOrEqual(4), LONG);
    expect(proxy.pool.size).toBeLessThanOrEqual(3 + 3 + 4 + 4);
    story.isOver = true;
    await Promise.all([...loads, transactions, popping]);
    const numbers = Array.from({ length: story.rounds }, (_, index) => String(index + 1));
    expect(popped).toEqual(numbers);
    for (const messages of heard) await vi.waitFor(() => expect(messages).toEqual(numbers));
    const evicted = azure.events.filter(
      (event) => event.type === "disconnected" && event.reason === "tokenExpired",
    );
    expect([evicted, identity.status.connections <= 14]).toEqual([[], true]);
    for (const client of [...clients, ...subscribers]) client.destroy();
    for (const client of [io, blocked]) client.disconnect();
  },
  LONG,
);
