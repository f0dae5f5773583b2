import { describe, expect, test } from "vitest";
import { AT_ONCE, type Client, IOREDIS, IoCache, LONG, ready } from "../../support/io-cache.js";

describe.concurrent.each(IOREDIS)("what %s can do besides", (_name, lib) => {
  test(
    "a duplicate of a duplicate, made after a rotation, is authenticated, and rotates with the others",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const first = await cache.one({ db: 1, connectionName: "first" });
      await cache.reauthenticated();
      const copy = cache.track(
        first.duplicate({ lazyConnect: true }).duplicate({ lazyConnect: false, connectionName: "copy" }),
      );
      await ready(copy);
      expect(copy).toBeInstanceOf(lib.Redis);
      const id = await copy.client("ID");
      await first.set("key", "value");
      for (let rotation = 0; rotation < 2; rotation += 1) {
        await cache.reauthenticated(2);
        expect(await copy.get("key")).toBe("value");
      }
      expect(await copy.client("INFO")).toContain("name=copy");
      expect(await copy.client("ID")).toBe(id);
      expect([cache.errors, cache.evictions(), cache.identity.status.connections]).toEqual([[], 0, 2]);
    },
    LONG,
  );

  test(
    "plain options, and an instance that exists already, are kept authenticated as well, with their duplicates",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const fromOptions = cache.track(new lib.Redis(cache.adapter.options(cache.options())));
      const own = cache.track(new lib.Redis({ ...cache.options(), lazyConnect: true }));
      cache.adapter.attach(own);
      const copies = [fromOptions, own].map((client) => cache.track(client.duplicate()));
      const all = [fromOptions, own, ...copies];
      expect(await Promise.all(all.map((client) => client.ping()))).toEqual(all.map(() => "PONG"));
      const ids = await Promise.all(all.map((client) => client.client("ID")));
      for (let rotation = 0; rotation < 2; rotation += 1) await cache.reauthenticated(4);
      expect(await Promise.all(all.map((client) => client.client("ID")))).toEqual(ids);
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test("lazyConnect: nothing is asked for and nothing connects before the first command", async (context) => {
    const cache = await IoCache.start(context, lib);
    const [lazy, other] = [cache.client({ lazyConnect: true }), cache.client({ lazyConnect: true })];
    expect([lazy.status, other.status]).toEqual(["wait", "wait"]);
    expect(await lazy.ping()).toBe("PONG");
    expect(other.status).toBe("wait");
    expect(cache.azure.events.filter((event) => event.type === "connected")).toHaveLength(1);
    await other.connect();
    expect(await other.ping()).toBe("PONG");
    expect(cache.tokenRequests()).toHaveLength(1);
  });

  test(
    "enableAutoPipelining: 20,000 commands through a rotation, each with its own reply",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const client = await cache.one({ enableAutoPipelining: true });
      const story = { isOver: false };
      const done = cache.reauthenticated(2).finally(() => {
        story.isOver = true;
      });
      let due = 0;
      while (!story.isOver) {
        const replies = await Promise.all(Array.from({ length: 100 }, () => client.incr("n")));
        expect(replies).toEqual(Array.from({ length: 100 }, (_, index) => due + index + 1));
        due += 100;
      }
      await done;
      expect(due).toBeGreaterThan(1_000);
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test("db and SELECT: kept by the next connection, and by duplicates", async (context) => {
    const cache = await IoCache.start(context, lib);
    const client = await cache.one({ db: 3, retryStrategy: () => 1 });
    await client.set("where", "three");
    await client.select(5);
    await client.set("where", "five");
    const copy = cache.track(client.duplicate());
    expect(await copy.get("where")).toBe("three");
    const back = new Promise<void>((resolve) => client.once("ready", resolve));
    cache.azure.redis.killConnections();
    await back;
    expect(await client.get("where")).toBe("five");
  });

  test("enableOfflineQueue: with it commands wait for the token, without it they fail at once", async (context) => {
    const cache = await IoCache.start(context, lib);
    const fault = cache.azure.injectFault("imds", { kind: "delay", delayMs: 200 });
    const [waiting, eager] = [cache.client(), cache.client({ enableOfflineQueue: false })];
    const reply = waiting.ping();
    await expect(eager.ping()).rejects.toThrow("enableOfflineQueue");
    fault.remove();
    expect(await reply).toBe("PONG");
    await ready(eager);
    expect(await eager.ping()).toBe("PONG");
  });

  test(
    "monitor sees the commands of others, before a rotation and after it, and never a token",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const client = await cache.one();
      const monitor = cache.track(await client.monitor());
      const seen: string[][] = [];
      monitor.on("monitor", (_time: string, args: string[]) => seen.push(args));
      const names = () => seen.filter(([command]) => command === "set").map(([, key]) => key);
      await client.set("first", "1");
      await context.expect.poll(names).toEqual(["first"]);
      await cache.reauthenticated(2);
      await client.set("second", "1");
      await context.expect.poll(names).toEqual(["first", "second"]);
      expect(JSON.stringify(seen)).not.toMatch(/eyJ[\w-]{10}/);
      expect(cache.errors).toEqual([]);
    },
    LONG,
  );

  test("commandTimeout, keyPrefix, scripts, pipelines, callbacks and streams work as without this library", async (context) => {
    const cache = await IoCache.start(context, lib);
    const client = await cache.one({
      keyPrefix: "app:",
      commandTimeout: 5_000,
      scripts: { double: { lua: "return redis.call('incrby', KEYS[1], ARGV[1] * 2)", numberOfKeys: 1 } },
    });
    const other = await cache.one();
    const scripted = client as Client & { double(key: string, by: number): Promise<number> };
    expect(await scripted.double("n", 4)).toBe(8);
    expect(await other.get("app:n")).toBe("8");
    expect(
      await client
        .pipeline([
          ["set", "a", "1"],
          ["incr", "a"],
          ["get", "a"],
        ])
        .exec(),
    ).toEqual([
      [null, "OK"],
      [null, 2],
      [null, "2"],
    ]);
    expect(
      await new Promise((resolve, reject) => {
        void client.get("a", (error, value) => (error ? reject(error) : resolve(value)));
      }),
    ).toBe("2");
    const binary = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256));
    await client.set("binary", binary);
    expect((await client.getBuffer("binary"))?.equals(binary)).toBe(true);
    await client.mset(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k:${index}`, "1"])));
    const keys = new Set<string>();
    for await (const batch of client.scanStream({ match: "app:k:*", count: 50 })) {
      for (const key of batch as string[]) keys.add(key);
    }
    expect(keys.size).toBe(500);
  });
});
