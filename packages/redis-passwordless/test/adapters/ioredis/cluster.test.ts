import { setInterval } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { IoRedisAdapter } from "../../../src/adapters/ioredis/index.js";
import {
  AT_ONCE,
  type Cluster,
  IOREDIS,
  IoCache,
  LONG,
  ROTATIONS,
  ready,
  TOKEN_LIFETIME_MS,
} from "../../support/io-cache.js";
import { incrementSteadily } from "../../support/load.js";
import { record } from "../../support/record.js";
import { RedisCluster } from "../../support/redis-cluster.js";
import { RotatingUser } from "../../support/rotating-user.js";

/** So many counters hit every node, and most of them many slots. */
const COUNTERS = 200;

const counters = (cluster: Cluster) => Array.from({ length: COUNTERS }, (): Cluster => cluster);

describe.concurrent.each(IOREDIS)("clusters of %s", (name, lib) => {
  test(
    "duplicates, replica reads, auto-pipelining and transactions of one slot go through rotations",
    async (context) => {
      const cache = await IoCache.startCluster(context, lib);
      const cluster = await cache.cluster({ scaleReads: "all", enableAutoPipelining: true });
      const copy = cache.track(
        cluster.duplicate([], { lazyConnect: true }).duplicate([], { lazyConnect: false }),
      );
      await ready(copy);
      const story = { isOver: false };
      const done = cache.rotations(ROTATIONS).finally(() => {
        story.isOver = true;
      });
      let rounds = 0;
      for await (const _ of setInterval(5)) {
        if (story.isOver) break;
        const key = `{${rounds}}`;
        const written = await Promise.all([
          cluster.set(`${key}:a`, rounds),
          copy.multi().set(`${key}:b`, rounds).incr(`${key}:b`).exec(),
        ]);
        expect(written).toEqual([
          "OK",
          [
            [null, "OK"],
            [null, rounds + 1],
          ],
        ]);
        expect(await Promise.all([copy.get(`${key}:a`), cluster.get(`${key}:b`)])).toEqual([
          String(rounds),
          String(rounds + 1),
        ]);
        rounds += 1;
      }
      await done;
      expect(rounds).toBeGreaterThan(50);
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test(
    "all connections are cut, again and again: it recovers with valid tokens, and nothing stays behind",
    async (context) => {
      const cache = await IoCache.startCluster(context, lib, { identity: AT_ONCE });
      const cluster = await cache.cluster({ clusterRetryStrategy: () => 20 });
      const news: string[] = [];
      cluster.on("message", (_channel: string, message: string) => news.push(message));
      await cluster.subscribe("news");
      for (let round = 0; round < 2; round += 1) {
        await cache.reauthenticated();
        cache.azure.redis.killConnections();
        expect(await cluster.incr("n")).toBe(round + 1);
      }
      expect(cache.refusals()).toEqual([]);
      const ended = new Promise<void>((resolve) => {
        cluster.once("end", () => resolve());
      });
      cluster.disconnect();
      await ended;
      await context.expect.poll(() => cache.identity.status.connections).toBe(0);
      await context.expect.poll(() => cache.azure.redis.connectionCount).toBe(0);
    },
    LONG,
  );

  test.for(["hostname", "ip"] as const)(
    "behind TLS needs no options but `tls`: its nodes announce a %s",
    { timeout: 15_000 },
    async (announce, context) => {
      const redis = { cluster: { masters: 3, announce } };
      const cache = await IoCache.start(context, lib, { emulator: { redis } });
      const cluster = await cache.cluster();
      const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);
      expect(await Promise.all(keys.map((key) => cluster.incr(key)))).toEqual(keys.map(() => 1));
      expect(cluster.nodes("master")).toHaveLength(3);
      const news = new Promise((resolve) => cluster.once("message", (_channel, text) => resolve(text)));
      await cluster.subscribe("news");
      await cluster.publish("news", "heard");
      expect(await news).toBe("heard");
      expect(cache.errors).toEqual([]);
    },
  );

  test(
    "a cluster that exists already is attached: its nodes and its subscriber are kept authenticated",
    async (context) => {
      const cache = await IoCache.startCluster(context, lib, { identity: AT_ONCE });
      const { host, port } = cache.azure.redis;
      const redisOptions = { tls: { ca: cache.azure.caCertificate } };
      const own = new lib.Cluster([{ host, port }], { lazyConnect: true, dnsLookup: keepName, redisOptions });
      const cluster: Cluster = cache.track(cache.adapter.attach(own));
      await cluster.connect();
      const news: string[] = [];
      cluster.on("message", (_channel: string, message: string) => news.push(message));
      await cluster.subscribe("news");
      const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);
      expect(await Promise.all(keys.map((key) => cluster.incr(key)))).toEqual(keys.map(() => 1));
      const live = cache.openConnections();
      for (let rotation = 0; rotation < 2; rotation += 1) await cache.reauthenticated(4);
      expect(await Promise.all(keys.map((key) => cluster.incr(key)))).toEqual(keys.map(() => 2));
      await cluster.publish("news", "heard");
      await context.expect.poll(() => news).toEqual(["heard"]);
      expect(cache.openConnections()).toEqual(expect.arrayContaining(live));
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test(
    "a node that joins is logged in as well; its connection too outlives the tokens",
    async (context) => {
      const servers = await RedisCluster.start(context, 3);
      const user = new RotatingUser(context, servers.nodes, TOKEN_LIFETIME_MS);
      const errors: Error[] = [];
      const adapter = new IoRedisAdapter(() => user.identity);
      const nodes = servers.nodes.map(({ host, port }) => ({ host, port }));
      const cluster: Cluster = adapter.cluster(lib.Cluster, nodes, {
        // Slots are refreshed on connections of their own; none comes in between here.
        slotsRefreshInterval: -1,
      });
      cluster.on("error", (error: Error) => errors.push(error));
      cluster.on("node error", (error: Error) => errors.push(error));
      context.onTestFinished(async () => cluster.disconnect());
      await ready(cluster);

      const load = await incrementSteadily(counters(cluster), 400, user.rotations(ROTATIONS));
      await user.ended();
      record(`ioredis 3 ${name} cluster of servers`, {
        ...load,
        failed: load.failed.length,
        evicted: user.evicted,
      });
      expect([load.failed, load.wrong, errors, user.evicted]).toEqual([[], 0, [], 0]);

      const joined = await servers.join();
      await user.addServer(joined);
      await servers.moveSlot(Number(await joined.command("CLUSTER", "KEYSLOT", "late")), joined);
      expect(await cluster.incr("late")).toBe(1);
      await user.ended();
      await user.ended();
      expect(await cluster.incr("late")).toBe(2);
      expect([errors, user.evicted]).toEqual([[], 0]);
    },
    LONG,
  );
});

/** The certificate names the host, so the nodes are connected to by name. */
function keepName(address: string, callback: (error: null, address: string) => void): void {
  callback(null, address);
}
