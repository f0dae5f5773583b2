import { setInterval } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { AT_ONCE, type Client, IOREDIS, IoCache, LONG, ROTATIONS } from "../../support/io-cache.js";
import { numbered, publishSteadily } from "../../support/load.js";
import { record } from "../../support/record.js";

/** ioredis 5 and iovalkey know RESP2 only; for ioredis 6 it is an option. */
const RESP2 = { protocol: 2 };

/** How a subscriber's own connection is found by whoever watches it. */
const NAME = "subscriber";

/** The server-side ids of the connections with this name, as another client sees them. */
async function ids(other: Client, name = NAME): Promise<string[]> {
  const list = String(await other.client("LIST"));
  const lines = list.split("\n").filter((line) => line.includes(` name=${name} `));
  return lines.map((line) => /^id=(\d+)/.exec(line)?.[1] ?? "");
}

/** What is heard on one channel, in order. */
function heard(subscriber: Client, channel: string): string[] {
  const messages: string[] = [];
  subscriber.on("message", (from, message) => {
    if (from === channel) messages.push(message);
  });
  return messages;
}

describe.concurrent.each(IOREDIS)("a RESP2 subscriber of %s", (name, lib) => {
  test(
    "misses no message through rotations, has none twice, and answers ping in between, on one connection",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const subscriber = await cache.one({ ...RESP2, connectionName: NAME });
      const publisher = await cache.one();
      await subscriber.subscribe("news", "other");
      await subscriber.psubscribe("n*");
      const shard = await cache.one(RESP2);
      const sharded: string[] = [];
      shard.on("smessage", (_channel: string, message: string) => sharded.push(message));
      await shard.ssubscribe("shard");
      const own = await ids(publisher);
      expect(own).toHaveLength(1);
      const news = heard(subscriber, "news");
      const patterns: string[] = [];
      subscriber.on("pmessage", (_pattern, _channel, message) => patterns.push(message));
      const done = cache.rotations(ROTATIONS);
      const story = { isOver: false };
      const pongs: unknown[] = [];
      const pinging = (async () => {
        for await (const _ of setInterval(20)) {
          pongs.push(await subscriber.ping());
          if (story.isOver) break;
        }
      })();
      const publish = (message: string) =>
        Promise.all([publisher.publish("news", message), publisher.spublish("shard", message)]);
      const sent = await publishSteadily(publish, done, 2);
      story.isOver = true;
      await pinging;
      await context.expect.poll(() => [patterns.length, sharded.length]).toEqual([sent, sent]);

      record(`ioredis 2 ${name}`, { sent, received: news.length, evicted: cache.evictions() });
      expect([news, patterns, sharded]).toEqual([numbered(sent), numbered(sent), numbered(sent)]);
      expect(pongs.length).toBeGreaterThan(20);
      // So Redis answers a RESP2 connection that is subscribed, and ioredis passes it on.
      expect(new Set(pongs.map((pong) => JSON.stringify(pong)))).toEqual(new Set(['["pong",""]']));
      expect([cache.errors, cache.evictions(), await ids(publisher)]).toEqual([[], 0, own]);
    },
    LONG,
  );

  test(
    "misses no message with 400 channels and 50 patterns",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const subscriber = await cache.one({ ...RESP2, connectionName: NAME });
      const publisher = await cache.one();
      const channels = Array.from(
        { length: 400 },
        (_, index) => `channel-with-a-name-as-long-as-some-have:${index}`,
      );
      const patterns = Array.from({ length: 50 }, (_, index) => `channel-*:${index}`);
      expect(await subscriber.subscribe(...channels)).toBe(400);
      expect(await subscriber.psubscribe(...patterns)).toBe(450);
      const own = await ids(publisher);
      const received = new Map<string, string[]>();
      const note = (channel: string, message: string) => {
        received.set(channel, [...(received.get(channel) ?? []), message]);
      };
      let total = 0;
      subscriber.on("message", (channel, message) => {
        total += 1;
        note(channel, message);
      });
      subscriber.on("pmessage", (pattern, _channel, message) => {
        total += 1;
        note(pattern, message);
      });
      // Each pattern matches one channel, so every message to the first 50 arrives twice: once for each.
      const expected = new Map<string, string[]>();
      let due = 0;
      const sent = await publishSteadily(
        async (message) => {
          const index = Number(message) % 400;
          const channel = channels[index] ?? "";
          for (const name of [channel, ...(index < 50 ? [`channel-*:${index}`] : [])]) {
            expected.set(name, [...(expected.get(name) ?? []), message]);
            due += 1;
          }
          expect(await publisher.publish(channel, message)).toBe(index < 50 ? 2 : 1);
        },
        cache.rotations(ROTATIONS),
        2,
      );
      await context.expect.poll(() => total).toBe(due);

      record(`ioredis 2 ${name} 400 channels`, { sent, due, received: total, evicted: cache.evictions() });
      expect(received).toEqual(expected);
      expect([cache.errors, cache.evictions(), await ids(publisher)]).toEqual([[], 0, own]);
    },
    LONG,
  );

  test(
    "unsubscribes and subscribes again between rotations, and is a normal client after the last unsubscribe",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const subscriber = await cache.one({ ...RESP2, connectionName: NAME });
      const publisher = await cache.one();
      const own = await ids(publisher);
      const always = heard(subscriber, "always");
      const sometimes = heard(subscriber, "sometimes");
      await subscriber.subscribe("always");
      let expected = 0;
      for (let round = 0; round < 2; round += 1) {
        expect(await subscriber.subscribe("sometimes")).toBe(2);
        expect(await publisher.publish("sometimes", String(expected))).toBe(1);
        expected += 1;
        expect(await subscriber.psubscribe("p*", "q*")).toBe(4);
        expect(await subscriber.punsubscribe("p*", "q*")).toBe(2);
        const loggedIn = cache.reauthenticated(2);
        await publishSteadily((message) => publisher.publish("always", message), loggedIn);
        expect(await subscriber.unsubscribe("sometimes")).toBe(1);
        expect(await publisher.publish("sometimes", "not heard")).toBe(0);
      }
      await context.expect.poll(() => sometimes).toEqual(numbered(expected));
      expect(always.length).toBeGreaterThan(100);

      expect(await subscriber.unsubscribe()).toBe(0);
      expect(await subscriber.ping()).toBe("PONG");
      expect(await subscriber.set("key", "value")).toBe("OK");
      expect(await subscriber.get("key")).toBe("value");
      await cache.reauthenticated(2);
      expect(await subscriber.get("key")).toBe("value");
      expect(await subscriber.subscribe("always")).toBe(1);
      await cache.reauthenticated(2);
      always.length = 0;
      await publisher.publish("always", "again");
      await context.expect.poll(() => always).toEqual(["again"]);
      expect([cache.errors, cache.evictions(), await ids(publisher)]).toEqual([[], 0, own]);
    },
    LONG,
  );

  test("refuses other commands as without this library, and keeps its replies in the shapes of RESP2", async (context) => {
    const cache = await IoCache.start(context, lib);
    const subscriber = await cache.one(RESP2);
    await subscriber.hset("hash", { a: "1", b: "2" });
    await subscriber.zadd("scores", "1.5", "one");
    const shapes = async () => [
      await subscriber.hgetall("hash"),
      await subscriber.zrange("scores", "0", "-1", "WITHSCORES"),
      await subscriber.zscore("scores", "one"),
      await subscriber.call("HGETALL", "hash"),
      await subscriber.get("nothing"),
      await subscriber.smembers("nothing"),
    ];
    const before = await shapes();
    expect(before).toEqual([{ a: "1", b: "2" }, ["one", "1.5"], "1.5", ["a", "1", "b", "2"], null, []]);
    await subscriber.subscribe("news");
    await expect(subscriber.get("key")).rejects.toThrow("Connection in subscriber mode");
    await expect(subscriber.call("get", "key")).rejects.toThrow("Connection in subscriber mode");
    await subscriber.unsubscribe("news");
    expect(await shapes()).toEqual(before);
  });

  test("gets binary messages and names unchanged", async (context) => {
    const cache = await IoCache.start(context, lib);
    const subscriber = await cache.one(RESP2);
    const publisher = await cache.one();
    const channel = Buffer.from([0xff, 0x0d, 0x0a, 0x00, 0x24]);
    const message = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 256));
    const received = new Promise((resolve) => {
      subscriber.on("pmessageBuffer", (_pattern, from: Buffer, body: Buffer) => resolve([from, body]));
    });
    await subscriber.psubscribe("*");
    await publisher.publish(channel, message);
    expect(await received).toEqual([channel, message]);
  });
});

test.concurrent(
  "a RESP3 subscriber of ioredis 6 misses no message, has none twice, and uses its connection for commands too",
  async (context) => {
    const cache = await IoCache.start(context, IOREDIS[0][1]);
    const [subscriber, publisher] = [await cache.one({ connectionName: NAME }), await cache.one()];
    const news = heard(subscriber, "news");
    await subscriber.subscribe("news");
    const own = await ids(publisher);
    const sent = await publishSteadily(
      async (message) => {
        await publisher.publish("news", message);
        await subscriber.set("last", message);
      },
      cache.rotations(ROTATIONS),
      2,
    );
    await context.expect.poll(() => news.length).toBe(sent);
    record("ioredis 3 ioredis 6 RESP3", { sent, received: news.length, evicted: cache.evictions() });
    expect(news).toEqual(numbered(sent));
    expect([cache.errors, cache.evictions(), await ids(publisher)]).toEqual([[], 0, own]);
  },
  LONG,
);
