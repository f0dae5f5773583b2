import { describe, expect, test } from "vitest";
import { IoRedisAdapter } from "../../../src/adapters/ioredis/index.js";
import { type Client, IOREDIS, LONG, ROTATIONS, ready, TOKEN_LIFETIME_MS } from "../../support/io-cache.js";
import { incrementSteadily } from "../../support/load.js";
import { record } from "../../support/record.js";
import { RedisSentinel } from "../../support/redis-sentinel.js";
import { RotatingUser } from "../../support/rotating-user.js";

describe.concurrent.each(IOREDIS)("sentinel with %s", (name, lib) => {
  test(
    "master, replica and subscriber through rotations and a failover: nothing failed, nobody evicted",
    async (context) => {
      const servers = await RedisSentinel.start(context);
      const user = new RotatingUser(context, [servers.master, servers.replica], TOKEN_LIFETIME_MS);
      // From then on the sentinel names the replica to clients.
      await context.expect
        .poll(() => servers.sentinel.command("SENTINEL", "REPLICAS", servers.name))
        .toMatchObject([{ flags: "slave" }]);
      const adapter = new IoRedisAdapter(() => user.identity);
      const errors: unknown[] = [];
      const { host, port } = servers.sentinel;
      const start = (extra: object = {}): Client => {
        const options = { sentinels: [{ host, port }], name: servers.name, ...extra };
        const client: Client = adapter.redis(lib.Redis, options);
        client.on("error", (error) => errors.push(error));
        context.onTestFinished(async () => client.disconnect());
        return client;
      };
      const [master, replica, subscriber] = [start(), start({ role: "slave" }), start({ protocol: 2 })];
      await Promise.all([master, replica, subscriber].map((client) => ready(client)));
      const news: string[] = [];
      subscriber.on("message", (_channel, message) => news.push(message));
      await subscriber.subscribe("news");
      const connections = await user.connections();
      expect(connections).toHaveLength(3);
      expect(user.identity.status.connections).toBe(3);

      const load = await incrementSteadily([master], 400, user.rotations(ROTATIONS));
      await user.ended();
      await master.publish("news", "still here");
      await context.expect.poll(() => news).toEqual(["still here"]);
      expect(await replica.exists("counter:0")).toBe(1);

      record(`ioredis 8 ${name} sentinel`, { ...load, failed: load.failed.length, evicted: user.evicted });
      expect([load.failed, load.wrong, errors, user.evicted]).toEqual([[], 0, [], 0]);
      expect(await user.connections()).toEqual(connections);

      await servers.failOver();
      // What the former master still accepts before it has become a replica is lost with it; then it hangs up, and
      // the clients ask the sentinel again.
      await context.expect
        .poll(async () => String(await servers.master.command("ROLE")), { timeout: 30_000 })
        .toMatch(/^slave/);
      await context.expect
        .poll(() => master.incr("after").catch((error: Error) => error.message), { timeout: 15_000 })
        .toBe(1);
      await user.ended();
      await user.ended();
      expect(await master.incr("after")).toBe(2);
      await context.expect
        .poll(() => servers.replica.command("PUBLISH", "news", "after"), { timeout: 15_000 })
        .toBe(1);
      await context.expect.poll(() => news).toContain("after");
      expect(user.evicted).toBe(0);
    },
    LONG,
  );
});
