import { describe, expect, test } from "vitest";
import { Cache, NODE_REDIS, ROTATIONS, TOKEN_LIFETIME_MS } from "../../support/cache.js";
import { incrementSteadily } from "../../support/load.js";
import { record } from "../../support/record.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 30_000;

describe.concurrent.each(NODE_REDIS)("%s through rotations", (name, redis) => {
  test(
    "800 increments per second on 4 connections: none failed, lost, applied twice or evicted",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const clients = await cache.connect(4);
      const ids = await Promise.all(clients.map((client) => client.clientId()));
      const result = await incrementSteadily(clients, 800, cache.rotations(ROTATIONS + 1));
      record(`1 ${name}`, {
        ...result,
        failed: result.failed.length,
        evicted: cache.evictions(),
        rotations: ROTATIONS,
      });
      expect(result.failed).toEqual([]);
      expect(result.wrong).toBe(0);
      expect(cache.evictions()).toBe(0);
      expect(cache.errors).toEqual([]);
      expect(await Promise.all(clients.map((client) => client.clientId()))).toEqual(ids);
    },
    LONG,
  );

  test(
    "50 connections: one token request per rotation, one AUTH per connection, spread over the window",
    async (context) => {
      const lifetimeMs = Math.max(TOKEN_LIFETIME_MS, 4_000);
      const cache = await Cache.start(context, redis, {
        emulator: { tokenLifetimeMs: lifetimeMs },
        identity: { managedIdentity: true, reauthenticationWindowMs: 400 },
      });
      const clients = await cache.connect(50);
      const live = new Set(cache.logins().map((login) => login.connectionId));
      const before = cache.logins().length;
      const requests = cache.tokenRequests().length;
      const done = reauthenticated(cache, 50);
      await done;
      const logins = cache
        .logins()
        .slice(before)
        .filter((login) => live.has(login.connectionId));
      const at = logins.map((login) => login.atMs).sort((a, b) => a - b);
      const spreadMs = (at.at(-1) ?? 0) - (at[0] ?? 0);
      record(`2 ${name}`, {
        tokenRequests: cache.tokenRequests().length - requests,
        logins: logins.length,
        spreadMs,
      });
      expect(clients).toHaveLength(50);
      expect(cache.tokenRequests().length - requests).toBe(1);
      expect(new Set(logins.map((login) => login.connectionId)).size).toBe(50);
      expect(logins).toHaveLength(50);
      // Not all at once. That they are spread evenly is shown where time stands still: reauth/spread.test.ts.
      expect(spreadMs).toBeGreaterThanOrEqual(100);
    },
    LONG,
  );

  test(
    "RESP3 subscriber: no message missed, none twice, on the same connection",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const [subscriber, publisher] = await cache.connect(2, { RESP: 3 });
      if (subscriber === undefined || publisher === undefined) throw new Error("two clients were asked for");
      const received: string[] = [];
      await subscriber.subscribe("news", (message) => received.push(message));
      const sent = await publish(publisher, cache.rotations(ROTATIONS + 1));
      await context.expect.poll(() => received.length).toBe(sent);
      record(`7 ${name} RESP3`, { sent, received: received.length });
      expect(received).toEqual(Array.from({ length: sent }, (_, index) => String(index)));
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "RESP2 subscriber that is attached: no message missed, none twice, channels and patterns",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const subscriber = cache.attached({ RESP: 2 });
      const publisher = cache.client({ RESP: 2 });
      await Promise.all([subscriber.connect(), publisher.connect()]);
      const id = await subscriber.clientId();
      const [first, second, patterns]: [string[], string[], string[]] = [[], [], []];
      await subscriber.subscribe("news", (message) => first.push(message));
      await subscriber.subscribe("news", (message) => second.push(message));
      await subscriber.pSubscribe("n*", (message) => patterns.push(message));
      await subscriber.subscribe(["other", "another"], () => {});
      const sent = await publish(publisher, cache.rotations(ROTATIONS + 1));
      await context.expect.poll(() => patterns.length).toBe(sent);
      record(`7 ${name} RESP2`, { sent, received: first.length });
      const all = Array.from({ length: sent }, (_, index) => String(index));
      expect([first, second, patterns]).toEqual([all, all, all]);
      expect(cache.evictions()).toBe(0);
      expect(cache.errors).toEqual([]);
      await subscriber.unsubscribe(["news", "other", "another"]);
      await subscriber.pUnsubscribe("n*");
      expect(await subscriber.clientId()).toBe(id);
    },
    LONG,
  );

  test(
    "RESP2 subscriber that is not attached: its coming end is reported with the remedy",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const subscriber = cache.client({ RESP: 2 });
      await subscriber.connect();
      await subscriber.subscribe("news", () => {});
      const failing = await new Promise((resolve) => cache.identity.on("reauthenticationFailing", resolve));
      expect(failing).toMatchObject({ error: { code: "ERR_PASSWORDLESS_CLIENT_UNSUPPORTED" } });
      expect(String((failing as { error: unknown }).error)).toContain("RESP 3, or attach");
    },
    LONG,
  );
});

async function publish(
  publisher: { publish(channel: string, message: string): Promise<number> },
  done: Promise<void>,
): Promise<number> {
  let [sent, isOver] = [0, false];
  void done.finally(() => {
    isOver = true;
  });
  const { setInterval } = await import("node:timers/promises");
  for await (const _ of setInterval(5)) {
    await publisher.publish("news", String(sent));
    sent += 1;
    if (isOver) break;
  }
  await done;
  return sent;
}

function reauthenticated(cache: Cache, count: number): Promise<void> {
  return new Promise((resolve) => {
    let seen = 0;
    cache.identity.on("reauthenticated", () => {
      seen += 1;
      if (seen === count) resolve();
    });
  });
}
