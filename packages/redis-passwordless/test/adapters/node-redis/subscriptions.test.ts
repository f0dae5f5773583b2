import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { Cache, type Client, NODE_REDIS, TOKEN_LIFETIME_MS } from "../../support/cache.js";
import { record } from "../../support/record.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 60_000;

describe.concurrent.each(NODE_REDIS)("subscriptions of %s", (name, redis) => {
  test(
    "500 forced reconnects on 10 connections: one AUTH per live connection at the next rotation",
    async (context) => {
      // The reconnects take up to ten seconds on a busy machine; the rotation must come after them.
      const lifetimeMs = 10 * TOKEN_LIFETIME_MS;
      const cache = await Cache.start(context, redis, { emulator: { tokenLifetimeMs: lifetimeMs } });
      // One set of options for all, as duplicates and pools share them.
      const first = cache.client();
      const clients = [first, ...Array.from({ length: 9 }, () => cache.track(first.duplicate() as Client))];
      await Promise.all(clients.map((client) => client.connect()));
      for (let round = 0; round < 50; round += 1) {
        const back = Promise.all(
          clients.map((client) => new Promise<void>((resolve) => client.once("ready", () => resolve()))),
        );
        expect(cache.azure.redis.killConnections()).toBe(10);
        await back;
      }
      expect(cache.identity.status.connections).toBe(10);
      const before = cache.logins().length;
      const live = new Set(
        cache.azure.events
          .filter((event) => event.type === "connected")
          .map((event) => event.connectionId)
          .slice(-10),
      );
      await reauthenticated(cache, 10);
      const logins = cache
        .logins()
        .slice(before)
        .filter((login) => live.has(login.connectionId));
      record(`10 ${name}`, { reconnects: 500, loginsAtRotation: logins.length });
      expect(logins).toHaveLength(10);
      expect(new Set(logins.map((login) => login.connectionId)).size).toBe(10);
    },
    LONG,
  );

  for (const [how, end] of [
    ["close", async (client: Client) => client.close()],
    ["destroy", async (client: Client) => client.destroy()],
  ] as const) {
    test(`after ${how}, nothing is subscribed, and the same client can connect again`, async (context) => {
      const cache = await Cache.start(context, redis);
      const clients = await cache.connect(3);
      await Promise.all(clients.map((client) => end(client)));
      expect(cache.identity.status.connections).toBe(0);
      await clients[0]?.connect();
      expect(await clients[0]?.ping()).toBe("PONG");
      expect(cache.identity.status.connections).toBe(1);
    });

    test(`${how} right after connecting settles`, async (context) => {
      const cache = await Cache.start(context, redis);
      for (let round = 0; round < 20; round += 1) {
        const client = cache.client();
        await client.connect();
        await end(client);
      }
      expect(cache.logins().length).toBeGreaterThanOrEqual(20);
      expect(cache.identity.status.connections).toBe(0);
    });

    test(`${how} while waiting for the token settles`, async (context) => {
      const cache = await Cache.start(context, redis);
      cache.azure.injectFault("imds", { kind: "hang" });
      const client = cache.client();
      client.connect().catch(() => {});
      await cache.azure.waitFor("connected", undefined, { since: 0 });
      await end(client);
      expect(cache.identity.status.connections).toBe(0);
    });
  }

  test("destroyed while it waits for its first token: nothing is subscribed, nothing is rejected unheard", async (context) => {
    const cache = await Cache.start(context, redis);
    const fault = cache.azure.injectFault("imds", { kind: "delay", delayMs: 300 });
    const client = cache.client();
    const connecting = client.connect();
    const outcome = connecting.then(
      () => "connected",
      () => "rejected",
    );
    await cache.azure.waitFor("connected", undefined, { since: 0 });
    client.destroy();
    await cache.identity.getToken();
    fault.remove();
    await new Promise(setImmediate);
    expect(cache.identity.status.connections).toBe(0);
    // node-redis 5 leaves such a connect pending, with or without an identity.
    if (name === "node-redis 6") expect(await outcome).toBe("rejected");
  });

  test("destroyed during a refresh: no unhandled rejection, and the others go on", async (context) => {
    const cache = await Cache.start(context, redis);
    const [leaving, staying] = await cache.connect(2);
    cache.azure.injectFault("imds", { kind: "delay", delayMs: 300 }, { times: 1 });
    const asked = cache.azure.events.length;
    const refreshed = cache.rotations(1);
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        if (cache.identity.status.state !== "refreshing") return;
        clearInterval(timer);
        resolve();
      }, 5);
    });
    leaving?.destroy();
    await refreshed;
    expect(cache.azure.events.length).toBeGreaterThan(asked);
    await cache.rotations(1);
    expect(await staying?.ping()).toBe("PONG");
    expect(cache.identity.status.connections).toBe(1);
  });

  test("two clients share one identity: closing one leaves the other alone", async (context) => {
    const cache = await Cache.start(context, redis);
    const [leaving, staying] = await cache.connect(2);
    await leaving?.close();
    await cache.rotations(2);
    expect(await staying?.ping()).toBe("PONG");
    expect(cache.evictions()).toBe(0);
  });

  test(
    "a RESP2 subscriber that is cut at each end of its token is counted once, and not at all once destroyed",
    async (context) => {
      const cache = await Cache.start(context, redis, { emulator: { tokenLifetimeMs: 2_000 } });
      const client = cache.client({ RESP: 2 });
      await client.connect();
      await client.subscribe("news", () => {});
      for (let cut = 0; cut < 3; cut += 1) {
        const since = cache.azure.events.length;
        await cache.azure.waitFor("disconnected", (event) => event.reason === "tokenExpired", { since });
        await new Promise<void>((resolve) => client.once("ready", () => resolve()));
        // The old enrolment ends with its token, a moment around the new one's beginning.
        expect(cache.identity.status.connections).toBeLessThanOrEqual(2);
      }
      client.destroy();
      await context.expect.poll(() => cache.identity.status.connections, { timeout: 10_000 }).toBe(0);
    },
    LONG,
  );

  test(
    "clients that may not reconnect leave nothing behind",
    async (context) => {
      const cache = await Cache.start(context, redis, { emulator: { tokenLifetimeMs: 2_000 } });
      await cache.connect(5, { socket: { reconnectStrategy: false } });
      cache.azure.redis.killConnections();
      await context.expect.poll(() => cache.identity.status.connections, { timeout: 10_000 }).toBe(0);
    },
    LONG,
  );

  test(
    "a socket that dies while its handshake waits for a token does not take the client with it",
    async (context) => {
      const cache = await Cache.start(context, redis, { emulator: { tokenLifetimeMs: 2_000 } });
      const [client] = await cache.connect(1);
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 503 });
      const since = cache.azure.events.length;
      await cache.azure.waitFor("disconnected", (event) => event.reason === "tokenExpired", { since });
      await cache.azure.waitFor("connected", undefined, { since });
      // More than a second of outage, and then the connection is lost as well.
      for (let request = 0; request < 4; request += 1) await cache.azure.waitFor("tokenRequest");
      cache.azure.redis.killConnections();
      fault.remove();
      expect(await client?.ping()).toBe("PONG");
    },
    LONG,
  );

  test("pools: every member logs in and is kept authenticated", async (context) => {
    const cache = await Cache.start(context, redis);
    const pool = redis.createClientPool(cache.adapter.client(cache.options()), { minimum: 3, maximum: 5 });
    pool.on("error", (error: Error) => cache.errors.push(error));
    await pool.connect();
    context.onTestFinished(async () => pool.destroy());
    await cache.rotations(2);
    await Promise.all(Array.from({ length: 50 }, () => pool.incr("n")));
    expect(await pool.get("n")).toBe("50");
    expect(cache.identity.status.connections).toBeGreaterThanOrEqual(3);
    expect([cache.evictions(), cache.errors]).toEqual([0, []]);
  });
});

test("a process whose clients are closed ends by itself, in the middle of a token's life", async (context) => {
  const cache = await Cache.start(context, NODE_REDIS[0][1], { emulator: { tokenLifetimeMs: 3_600_000 } });
  const program = `
    import { createClient } from "redis";
    import { attach, passwordless } from "redis-passwordless/node-redis";
    const client = attach(createClient(passwordless({ url: ${JSON.stringify(cache.azure.redis.url)} })));
    await client.connect();
    console.log(await client.ping());
    await client.close();
  `;
  const env = {
    NODE_EXTRA_CA_CERTS: cache.azure.caFile,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: cache.azure.imdsHost,
  };
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    env,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = (await once(child, "close")) as [number];
  expect([output, code]).toEqual(["PONG\n", 0]);
});

function reauthenticated(cache: Cache, count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    cache.identity.on("reauthenticated", () => {
      seen += 1;
      if (seen === count) resolve();
    });
  });
}
