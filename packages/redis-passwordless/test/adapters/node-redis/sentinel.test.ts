import { describe, expect, test } from "vitest";
import { NodeRedisAdapter } from "../../../src/adapters/node-redis/index.js";
import { type Client, NODE_REDIS, ROTATIONS, TOKEN_LIFETIME_MS } from "../../support/cache.js";
import { incrementSteadily } from "../../support/load.js";
import { record } from "../../support/record.js";
import { RedisSentinel } from "../../support/redis-sentinel.js";
import { RotatingUser } from "../../support/rotating-user.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 60_000;

describe.concurrent.each(NODE_REDIS)("sentinel with %s", (name, redis) => {
  test(
    "master, replica and subscriber through rotations and a failover: nothing failed, nobody evicted",
    async (context) => {
      const servers = await RedisSentinel.start(context);
      const user = new RotatingUser(context, [servers.master, servers.replica], TOKEN_LIFETIME_MS);
      const adapter = new NodeRedisAdapter(() => user.identity);
      const errors: unknown[] = [];
      const sentinel = redis.createSentinel(
        adapter.sentinel({
          name: servers.name,
          sentinelRootNodes: [{ host: servers.sentinel.host, port: servers.sentinel.port }],
          masterPoolSize: 2,
          replicaPoolSize: 1,
          RESP: 3,
        }),
      );
      sentinel.on("error", (error) => errors.push(error));
      sentinel.on("client-error", (error) => errors.push(error));
      await sentinel.connect();
      context.onTestFinished(async () => sentinel.destroy());
      const news: string[] = [];
      await sentinel.subscribe("news", (message) => news.push(message));
      const connections = await user.connections();
      // Two for the master, one for the replica, one for the subscription.
      expect(connections).toHaveLength(4);
      expect(user.identity.status.connections).toBe(4);

      const counters = Array.from({ length: 20 }, () => sentinel as unknown as Client);
      const load = await incrementSteadily(counters, 400, user.rotations(ROTATIONS));
      await user.ended();
      // Not through `sentinel`: node-redis counts PUBLISH as reading, and a replica tells the master nothing.
      await servers.master.command("PUBLISH", "news", "still here");
      await context.expect.poll(() => news).toEqual(["still here"]);

      record(`sentinel ${name}`, { ...load, failed: load.failed.length, evicted: user.evicted });
      expect([load.failed, load.wrong, errors, user.evicted]).toEqual([[], 0, [], 0]);
      expect(await user.connections()).toEqual(connections);

      const switched = new Promise<void>((resolve) => {
        sentinel.on("topology-change", (event: { type: string }) => {
          if (event.type === "MASTER_CHANGE") resolve();
        });
      });
      await servers.failOver();
      await switched;
      expect(await sentinel.incr("after")).toBe(1);
      await user.ended();
      await user.ended();
      expect(await sentinel.incr("after")).toBe(2);
      await servers.replica.command("PUBLISH", "news", "after the failover");
      await context.expect.poll(() => news).toEqual(["still here", "after the failover"]);
      expect(user.evicted).toBe(0);
    },
    LONG,
  );
});
