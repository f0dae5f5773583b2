import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { reachedByEndpoint } from "../../../src/topology/address-map.js";
import { type ClusterClient, fromIoRedis, fromNodeRedis } from "../../support/azure-cluster.js";
import { NODE_REDIS } from "../../support/cache.js";
import { avoidable, countedMessages, everyListExists, hears, subscribe } from "../../support/failovers.js";
import { IOREDIS } from "../../support/io-cache.js";
import { TOKEN_LIFETIME_MS } from "../../support/lifetimes.js";
import { NumberedWrites } from "../../support/numbered-writes.js";
import { record } from "../../support/record.js";
import { ProxiedCache } from "../support.js";

const run = promisify(execFile);
const LONG = 20 * TOKEN_LIFETIME_MS + 60_000;
const PER_SECOND = 100;

/** So many keys hit every node, and most of them a slot of their own. */
const KEYS = Array.from({ length: 300 }, (_, number) => `key:${number}`);

/** Cluster clients as they come, which know nothing of Azure, TLS and tokens. */
const CLIENTS: readonly (readonly [string, (cache: ProxiedCache) => ClusterClient])[] = [
  ...NODE_REDIS.flatMap(([name, redis]) =>
    ([2, 3] as const).map((RESP): readonly [string, (cache: ProxiedCache) => ClusterClient] => [
      `${name} RESP${RESP}`,
      ({ url }) => fromNodeRedis(`${name} RESP${RESP}`, redis.createCluster({ rootNodes: [{ url }], RESP })),
    ]),
  ),
  ...IOREDIS.map(([name, lib]): readonly [string, (cache: ProxiedCache) => ClusterClient] => [
    name,
    ({ address }) =>
      fromIoRedis(name, new lib.Cluster([address], { lazyConnect: true, shardedSubscribers: true })),
  ]),
];

function start(
  cluster: { readonly announce: "ip" | "hostname" | "unreachableIp"; readonly replicas?: number },
  tokenLifetimeMs?: number,
): Promise<ProxiedCache> {
  return ProxiedCache.start(
    {
      redis: { cluster: { masters: 3, ...cluster } },
      ...(tokenLifetimeMs === undefined ? {} : { tokenLifetimeMs }),
    },
    { addressMap: reachedByEndpoint("localhost") },
  );
}

/** What a client was told about the topology: everything that looks like a port or a host of the cache. */
function addressesOf(cache: ProxiedCache): string[] {
  return cache.azure.redis.nodes.flatMap(({ announced }) => [`:${announced.port}`, `${announced.host}:`]);
}

describe.each(["ip", "hostname", "unreachableIp"] as const)(
  "nodes that announce themselves as %s",
  (announce) => {
    let cache: ProxiedCache;
    beforeAll(async () => {
      cache = await start({ announce });
    }, LONG);
    afterAll(() => cache[Symbol.asyncDispose]());

    test.each(CLIENTS)("%s reaches every key", async (name, make) => {
      const client = make(cache);
      try {
        await client.connect();
        await Promise.all(KEYS.map((key) => client.set(`${name}:${key}`, key)));
        expect(await Promise.all(KEYS.map((key) => client.get(`${name}:${key}`)))).toEqual(KEYS);
        expect(client.errors).toEqual([]);
      } finally {
        client.destroy();
      }
    });

    test("redis-cli follows redirects", async () => {
      const { host, port } = cache.address;
      for (const protocol of ["-2", "-3"]) {
        const cli = (...args: string[]): Promise<{ stdout: string }> =>
          run("redis-cli", ["-h", host, "-p", String(port), protocol, ...args]);
        for (const key of ["a", "b", "c"]) {
          expect((await cli("-c", "SET", key, `value ${key}`)).stdout).toBe("OK\n");
          expect((await cli("-c", "GET", key)).stdout).toBe(`value ${key}\n`);
        }
        const topologies = await Promise.all(
          ["SLOTS", "SHARDS", "NODES"].map(async (name) => (await cli("CLUSTER", name)).stdout),
        );
        for (const topology of topologies) {
          expect(topology).toContain("127.0.0.1");
          for (const address of addressesOf(cache))
            if (!address.startsWith("127.")) expect(topology).not.toContain(address);
        }
      }
    });
  },
);

describe("planned failovers and rotations under load", () => {
  let cache: ProxiedCache;
  let writes: NumberedWrites[];
  const heard = new Map<string, string[]>();
  beforeAll(async () => {
    cache = await start({ announce: "ip", replicas: 1 }, 2 * TOKEN_LIFETIME_MS);
    const clients = CLIENTS.map(([, make]) => make(cache));
    await Promise.all(clients.map((client) => client.connect()));
    writes = clients.map((client) => new NumberedWrites(client, PER_SECOND));
    await Promise.all(writes.map((write) => everyListExists(write)));
    await Promise.all(clients.map((client) => subscribe(client, heard, "{0}")));
    for (const node of [0, 1]) {
      await cache.azure.redis.failover({ node });
      await rotation(cache);
    }
    await Promise.all(writes.map((write) => write.stop()));
  }, LONG);
  afterAll(async () => {
    for (const { client } of writes) client.destroy();
    await cache[Symbol.asyncDispose]();
  });

  test.each(CLIENTS.map(([name]) => name))(
    "%s: no acknowledged write lost, none applied twice",
    async (name) => {
      const write = writes.find(({ client }) => client.name === name)!;
      const { lost, twice } = await write.examine();
      const failed = countedMessages(write);
      record(`planned failovers through the proxy ${name}`, {
        acknowledged: write.acknowledged.length,
        failed,
        lost: lost.length,
        twice,
      });
      expect([lost, twice]).toEqual([[], 0]);
      if (name.startsWith("node-redis")) expect(unlikeDirect(failed)).toEqual([]);
      else expect(failed).toEqual({});
      expect(write.acknowledged.length).toBeGreaterThan(0);
    },
  );

  test.each(CLIENTS.map(([name]) => name))("%s: subscriptions came along", async (name) => {
    await hears(writes.find(({ client }) => client.name === name)!.client, heard, "{0}");
  });

  test("no connection was cut because its token had ended", () => {
    const evicted = cache.azure.events.filter(
      (event) => event.type === "disconnected" && event.reason === "tokenExpired",
    );
    expect(evicted).toEqual([]);
  });
});

/**
 * Why writes failed that would not have without the proxy. node-redis rejects what waits for a node that is missing
 * from the topology for a moment, as the old master is.
 */
function unlikeDirect(failed: Readonly<Record<string, number>>): string[] {
  return avoidable(failed).filter((reason) => reason !== "Disconnects client");
}

async function rotation({ identity }: ProxiedCache): Promise<void> {
  await new Promise<void>((resolve) => {
    const listening = identity.on("tokenRefreshed", () => {
      listening[Symbol.dispose]();
      resolve();
    });
  });
}
