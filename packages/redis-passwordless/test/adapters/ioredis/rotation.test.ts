import { describe, expect, test } from "vitest";
import { type Cluster, IOREDIS, IoCache, LONG, ROTATIONS } from "../../support/io-cache.js";
import { incrementSteadily, numbered, publishSteadily } from "../../support/load.js";
import { record } from "../../support/record.js";

/** So many counters hit every node, and most of them many slots. */
const COUNTERS = 200;

describe.concurrent.each(IOREDIS)("%s through rotations", (name, lib) => {
  test(
    "800 increments per second on 4 connections: none failed, lost, applied twice or evicted",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const clients = await cache.connect(4);
      const ids = await Promise.all(clients.map((client) => client.client("ID")));
      const requests = cache.tokenRequests().length;
      const result = await incrementSteadily(clients, 800, cache.rotations(ROTATIONS));
      record(`ioredis 1 ${name}`, {
        ...result,
        failed: result.failed.length,
        evicted: cache.evictions(),
        rotations: ROTATIONS,
      });
      expect(result.failed).toEqual([]);
      expect([result.wrong, cache.evictions()]).toEqual([0, 0]);
      expect(cache.errors).toEqual([]);
      // Nobody reconnected in silence, and all of them share one token.
      expect(await Promise.all(clients.map((client) => client.client("ID")))).toEqual(ids);
      expect(cache.tokenRequests().length - requests).toBe(ROTATIONS);
    },
    LONG,
  );

  test(
    "50 connections: one token request per rotation and one AUTH per connection, spread over the window",
    async (context) => {
      const cache = await IoCache.start(context, lib, {
        emulator: { tokenLifetimeMs: 4_000 },
        identity: { managedIdentity: true, reauthenticationWindowMs: 400 },
      });
      await cache.connect(50);
      const live = cache.openConnections();
      const [requests, before] = [cache.tokenRequests().length, cache.logins().length];
      await cache.reauthenticated(50);
      const logins = cache
        .logins()
        .slice(before)
        .filter((login) => live.includes(login.connectionId));
      const at = logins.map((login) => login.atMs).sort((a, b) => a - b);
      const spreadMs = (at.at(-1) ?? 0) - (at[0] ?? 0);
      record(`ioredis 1 ${name} 50 connections`, {
        tokenRequests: cache.tokenRequests().length - requests,
        logins: logins.length,
        spreadMs,
      });
      expect(cache.tokenRequests().length - requests).toBe(1);
      expect(logins).toHaveLength(50);
      expect(new Set(logins.map((login) => login.connectionId)).size).toBe(50);
      expect(spreadMs).toBeGreaterThan(200);
    },
    LONG,
  );

  test(
    "800 increments per second on a cluster of 3 nodes, with its subscribers: nothing failed, missed or came twice",
    async (context) => {
      const cache = await IoCache.startCluster(context, lib);
      const hasSharded = name !== "iovalkey";
      const cluster = await cache.cluster({ shardedSubscribers: hasSharded });
      const received = new Map<string, string[]>();
      let total = 0;
      const note = (channel: string, message: string) => {
        received.set(channel, [...(received.get(channel) ?? []), message]);
        total += 1;
      };
      cluster.on("message", note);
      cluster.on("smessage", note);
      cluster.on("pmessage", (pattern: string, _channel: string, message: string) => note(pattern, message));
      await cluster.subscribe("news");
      await cluster.psubscribe("n*");
      // Of different slots: several nodes have one.
      const sharded = hasSharded ? ["a", "b", "c", "d", "e", "f"] : [];
      for (const channel of sharded) await cluster.ssubscribe(channel);
      // By one node, as only that keeps the order.
      const [node] = cluster.nodes("master");
      const nodes = () => Promise.all(cluster.nodes("master").map((one) => one.client("ID")));
      const ids = await nodes();
      expect(ids).toHaveLength(3);
      const live = cache.openConnections();
      const requests = cache.tokenRequests().length;

      const counters = Array.from({ length: COUNTERS }, (): Cluster => cluster);
      const done = cache.rotations(ROTATIONS);
      const [result, sent] = await Promise.all([
        incrementSteadily(counters, 800, done),
        publishSteadily(
          (message) =>
            Promise.all([
              node?.publish("news", message),
              ...sharded.map((channel) => cluster.spublish(channel, message)),
            ]),
          done,
        ),
      ]);
      const channels = ["news", "n*", ...sharded];
      await context.expect.poll(() => total).toBe(sent * channels.length);
      record(`ioredis 1 and 3 ${name} cluster`, {
        ...result,
        failed: result.failed.length,
        sent: sent * channels.length,
        received: total,
        evicted: cache.evictions(),
        rotations: ROTATIONS,
      });
      expect(received).toEqual(new Map(channels.map((channel) => [channel, numbered(sent)])));
      expect(result.failed).toEqual([]);
      expect([result.wrong, cache.evictions()]).toEqual([0, 0]);
      expect(cache.errors).toEqual([]);
      expect(await nodes()).toEqual(ids);
      // Others may be open for a moment, on which a new token is tried or the slots are asked for.
      expect(cache.openConnections()).toEqual(expect.arrayContaining(live));
      expect(cache.tokenRequests().length - requests).toBe(ROTATIONS);
    },
    LONG,
  );
});
