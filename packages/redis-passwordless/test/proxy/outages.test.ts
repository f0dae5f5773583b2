import { createClient } from "redis";
import { afterEach, expect, test, vi } from "vitest";
import { ProxiedCache } from "./support.js";

const LONG = 60_000;
const PATIENT = { timeout: 20_000, interval: 50 };

let cache: ProxiedCache | undefined;
afterEach(async () => {
  await cache?.[Symbol.asyncDispose]();
  cache = undefined;
});

test(
  "an identity that is gone for longer than a token lives: who waits for nothing stays, who comes is told, all goes on",
  async () => {
    cache = await ProxiedCache.start(
      { tokenLifetimeMs: 3_000 },
      {},
      { requestTimeoutMs: 1_000, retry: { maxDelayMs: 500 } },
    );
    const { azure, identity, proxy } = cache;
    const silent = await cache.raw();
    await silent.write("HELLO 3", "SELECT 3", "SET kept 1").read(3);
    await vi.waitFor(() => expect(proxy.status().instances[0]?.idleClients).toBe(1), PATIENT);
    const fault = azure.injectFault("all", { kind: "status", status: 503 });
    await vi.waitFor(() => expect(identity.status.state).toBe("expired"), PATIENT);
    await vi.waitFor(() => expect(proxy.status().instances[0]?.counters.openUpstreams).toBe(0), PATIENT);

    const early = await cache.raw();
    await early.closed;
    expect(early.frames).toEqual([expect.stringMatching(/^-ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR .*503/)]);

    fault.remove();
    expect((await silent.write("GET kept").read(4))[3]).toBe("$1\r\n1\r\n");
    const next = await cache.raw();
    expect(await next.write("PING").read(1)).toEqual(["+PONG\r\n"]);
    for (const client of [silent, next]) client.socket.destroy();
  },
  LONG,
);

test(
  "a server that restarts under load loses no write that it has acknowledged",
  async () => {
    cache = await ProxiedCache.start();
    const { azure, url } = cache;
    const clients = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const client = createClient({ url });
        client.on("error", () => {});
        await client.connect();
        return client;
      }),
    );
    const acknowledged = clients.map(() => 0);
    const failed: string[] = [];
    const over = new AbortController();
    const writing = clients.map(async (client, index) => {
      while (!over.signal.aborted) {
        const next = acknowledged[index]! + 1;
        await client.set(`last:${index}`, next).then(
          () => (acknowledged[index] = next),
          (error: Error) => failed.push(error.message),
        );
      }
    });
    await vi.waitFor(() => expect(Math.min(...acknowledged)).toBeGreaterThan(100), PATIENT);
    await azure.redis.restart();
    const before = Math.min(...acknowledged);
    await vi.waitFor(() => expect(Math.min(...acknowledged)).toBeGreaterThan(before + 100), PATIENT);
    over.abort();
    await Promise.all(writing);
    const stored = await Promise.all(
      clients.map(async (client, index) => Number(await client.get(`last:${index}`))),
    );
    for (const [index, last] of acknowledged.entries()) expect(stored[index]).toBeGreaterThanOrEqual(last);
    for (const message of failed) expect(message).toMatch(/closed|ECONN|ERR_PASSWORDLESS_CONNECTION_FAILED/i);
    for (const client of clients) client.destroy();
  },
  LONG,
);
