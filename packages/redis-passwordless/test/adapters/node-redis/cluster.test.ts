import { setInterval } from "node:timers/promises";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { NodeRedisAdapter } from "../../../src/adapters/node-redis/index.js";
import type { PasswordlessError } from "../../../src/core/errors.js";
import {
  Cache,
  type Client,
  NODE_REDIS,
  type NodeRedis,
  ROTATIONS,
  TOKEN_LIFETIME_MS,
} from "../../support/cache.js";
import { incrementSteadily } from "../../support/load.js";
import { record } from "../../support/record.js";
import { RedisCluster } from "../../support/redis-cluster.js";
import { freePort } from "../../support/redis-processes.js";
import { RotatingUser } from "../../support/rotating-user.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 60_000;

/** So many counters hit every node, and most of them many slots. */
const COUNTERS = 300;

describe.concurrent.each(NODE_REDIS)("clusters of %s", (name, redis) => {
  test(
    "a cluster behind TLS: no command failed, no message missed, every connection logged in again",
    async (context) => {
      const cache = await startClusterCache(context, redis);
      const cluster = redis.createCluster(
        cache.adapter.cluster({
          rootNodes: [{ url: cache.azure.redis.url }],
          defaults: { socket: { tls: true as const, ca: cache.azure.caCertificate } },
          RESP: 3,
        }),
      );
      cluster.on("error", (error: Error) => cache.errors.push(error));
      cluster.on("node-error", (error: Error) => cache.errors.push(error));
      await cluster.connect();
      context.onTestFinished(async () => cluster.destroy());
      const [news, sharded]: [string[], string[]] = [[], []];
      await cluster.subscribe("news", (message) => news.push(message));
      await cluster.sSubscribe("sharded", (message) => sharded.push(message));
      // The node, its subscriber and its sharded subscriber; the client that discovered them is gone.
      expect(cache.identity.status.connections).toBe(cache.azure.redis.connectionCount);
      expect(cache.identity.status.connections).toBe(3);
      const live = openConnections(cache);
      const before = cache.azure.events.length;

      const done = cache.rotations(ROTATIONS);
      const [load, sent] = await Promise.all([
        incrementSteadily(counters(cluster), 400, done),
        publish(cluster, done),
      ]);
      await context.expect.poll(() => [news.length, sharded.length]).toEqual([sent, sent]);

      record(`cluster ${name}`, { ...load, failed: load.failed.length, sent, evicted: cache.evictions() });
      expect([load.failed, load.wrong, cache.errors, cache.evictions()]).toEqual([[], 0, [], 0]);
      const numbers = Array.from({ length: sent }, (_, index) => String(index));
      expect([news, sharded]).toEqual([numbers, numbers]);
      // Others may be open for a moment, on which a new token is tried.
      expect(openConnections(cache)).toEqual(expect.arrayContaining(live));
      for (const connectionId of live) {
        const logins = cache.azure.events
          .slice(before)
          .filter((event) => event.type === "login" && event.connectionId === connectionId);
        // The last token may still be on its way; no token is sent twice.
        expect(logins.length).toBeGreaterThanOrEqual(ROTATIONS - 1);
        expect(logins.length).toBeLessThanOrEqual(ROTATIONS);
      }
    },
    LONG,
  );

  test(
    "three nodes, and a fourth that joins: no command failed, none applied twice, nobody evicted",
    async (context) => {
      const servers = await RedisCluster.start(context, 3);
      const user = new RotatingUser(context, servers.nodes, TOKEN_LIFETIME_MS);
      const errors: Error[] = [];
      const adapter = new NodeRedisAdapter(() => user.identity);
      const cluster = redis.createCluster(adapter.cluster({ rootNodes: servers.rootNodes }));
      cluster.on("error", (error: Error) => errors.push(error));
      cluster.on("node-error", (error: Error) => errors.push(error));
      await cluster.connect();
      context.onTestFinished(async () => cluster.destroy());
      const connections = await user.connections();
      expect(connections).toHaveLength(3);

      const load = await incrementSteadily(counters(cluster), 400, user.rotations(ROTATIONS));
      await user.ended();

      record(`cluster of 3 ${name}`, { ...load, failed: load.failed.length, evicted: user.evicted });
      expect([load.failed, load.wrong, errors, user.evicted]).toEqual([[], 0, [], 0]);
      expect(await user.connections()).toEqual(connections);

      const joined = await servers.join();
      await user.addServer(joined);
      await servers.moveSlot(Number(await joined.command("CLUSTER", "KEYSLOT", "late")), joined);
      expect(await cluster.incr("late")).toBe(1);
      const withJoined = await user.connections();
      expect(withJoined).toHaveLength(4);
      await user.ended();
      await user.ended();
      expect(await cluster.incr("late")).toBe(2);
      expect(await user.connections()).toEqual(withJoined);
      expect([errors, user.evicted, user.identity.status.connections]).toEqual([[], 0, 4]);
    },
    LONG,
  );

  test("a node that the cluster announces on another host gets no token in clear text", async (context) => {
    const servers = await RedisCluster.start(context, 1);
    const user = new RotatingUser(context, servers.nodes, TOKEN_LIFETIME_MS);
    const adapter = new NodeRedisAdapter(() => user.identity);
    const options = {
      rootNodes: servers.rootNodes,
      // Leads to this machine, but is no name of it.
      nodeAddressMap: (address: string) => ({ host: "0.0.0.0", port: Number(address.split(":").at(-1)) }),
    };
    const refused = redis.createCluster(adapter.cluster(options));
    const reasons: string[] = [];
    refused.on("error", () => {});
    refused.on("node-error", (error: PasswordlessError) => reasons.push(error.code));
    // node-redis tells why in its events only.
    await expect(refused.connect()).rejects.toThrow("All the root nodes are unavailable");
    expect(new Set(reasons)).toEqual(new Set(["ERR_PASSWORDLESS_PLAINTEXT_REFUSED"]));
    expect(await user.connections()).toEqual([]);
    expect(user.identity.status.connections).toBe(0);

    const allowed = redis.createCluster(adapter.cluster(options, { allowPlaintext: true }));
    await allowed.connect();
    context.onTestFinished(async () => allowed.destroy());
    expect(await allowed.incr("n")).toBe(1);
  });
});

/** A cache that is a cluster of one node, which announces itself by its name and the gateway's port. */
async function startClusterCache(
  context: Parameters<typeof Cache.start>[0],
  redis: NodeRedis,
): Promise<Cache> {
  const [gatewayPort, busPort] = await Promise.all([freePort(), freePort()]);
  const announced = {
    "cluster-enabled": "yes",
    "cluster-port": busPort,
    "cluster-announce-hostname": "localhost",
    "cluster-preferred-endpoint-type": "hostname",
    "cluster-announce-port": gatewayPort,
  };
  const cache = await Cache.start(context, redis, {
    emulator: {
      gateway: { port: gatewayPort },
      redis: { args: Object.entries(announced).flatMap(([option, value]) => [`--${option}`, String(value)]) },
    },
  });
  const admin = await createClient({ url: cache.azure.redis.backendUrl }).connect();
  await admin.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
  await expect
    .poll(() => admin.sendCommand(["CLUSTER", "INFO"]), { timeout: 10_000 })
    .toContain("cluster_state:ok");
  admin.destroy();
  return cache;
}

/** One cluster in the place of many clients: each counter is another key. */
function counters(cluster: { incr(key: string): Promise<number> }): Client[] {
  return Array.from({ length: COUNTERS }, () => cluster as unknown as Client);
}

function openConnections(cache: Cache): number[] {
  const open = new Set<number>();
  for (const event of cache.azure.events) {
    if (event.type === "connected") open.add(event.connectionId);
    if (event.type === "disconnected") open.delete(event.connectionId);
  }
  return [...open];
}

interface Publisher {
  publish(channel: string, message: string): Promise<number>;
  sPublish(channel: string, message: string): Promise<number>;
}

/** Publishes 0, 1, 2 … to both channels until `done`, and returns how many. */
async function publish(cluster: Publisher, done: Promise<void>): Promise<number> {
  let [sent, isOver] = [0, false];
  void done.finally(() => {
    isOver = true;
  });
  for await (const _ of setInterval(5)) {
    await Promise.all([cluster.publish("news", String(sent)), cluster.sPublish("sharded", String(sent))]);
    sent += 1;
    if (isOver) break;
  }
  await done;
  return sent;
}
