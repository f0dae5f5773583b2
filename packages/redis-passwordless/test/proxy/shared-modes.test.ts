import { createClient } from "redis";
import { afterEach, describe, expect, onTestFinished, test } from "vitest";
import { reachedByEndpoint } from "../../src/topology/address-map.js";
import { ProxiedCache } from "./support.js";

const LONG = 60_000;
const CLUSTER = { redis: { cluster: { masters: 3, announce: "ip" } } } as const;

let cache: ProxiedCache | undefined;
afterEach(async () => {
  await cache?.[Symbol.asyncDispose]();
  cache = undefined;
});

async function clients(proxied: ProxiedCache, count: number) {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const client = createClient({ url: proxied.url, socket: { reconnectStrategy: false } });
      client.on("error", () => {});
      await client.connect();
      onTestFinished(() => client.destroy());
      return client;
    }),
  );
}

const counters = () => cache!.proxy.status().instances[0]!.counters;

describe("a pool", () => {
  test(
    "serves many clients on few connections, also while tokens rotate",
    async () => {
      cache = await ProxiedCache.start({ tokenLifetimeMs: 3_000 }, { pool: 2 });
      const many = await clients(cache, 30);
      let rounds = 0;
      while (counters().reauthentications < 4) {
        await Promise.all(many.map((client) => client.incr("sum")));
        rounds += 1;
      }
      expect(Number(await many[0]!.get("sum"))).toBe(30 * rounds);
      expect(counters().openClients).toBe(30);
      // Two for each protocol.
      expect(counters().openUpstreams).toBeLessThanOrEqual(4);
      const [first, second] = many;
      const popped = first!.blPop("list", 0);
      await second!.multi().rPush("list", "element").incr("sum").exec();
      expect(await popped).toEqual({ key: "list", element: "element" });
    },
    LONG,
  );

  test("of a cluster is refused with what to use instead", async () => {
    cache = await ProxiedCache.start(CLUSTER, { pool: 2 });
    const client = await cache.raw();
    client.write("PING");
    await client.closed;
    expect(client.frames).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_TOPOLOGY_MISMATCH .*--single-endpoint/),
    ]);
  });

  test("that nobody can be reached by tells its clients so", async () => {
    cache = await ProxiedCache.start(
      {},
      { pool: 2, server: { host: "localhost", port: 1, isEncrypted: true } },
    );
    const client = await cache.raw();
    client.write("PING");
    await client.closed;
    expect(client.frames).toEqual([
      expect.stringMatching(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*ECONNREFUSED/),
    ]);
    expect(counters().upstreamFailures).toBe(1);
  });
});

describe("a single endpoint", () => {
  test.each([undefined, 1])(
    "offers a cluster to a client that knows of none, with a pool of %s",
    async (pool) => {
      cache = await ProxiedCache.start(CLUSTER, {
        isSingleEndpoint: true,
        pool,
        addressMap: reachedByEndpoint("localhost"),
      });
      const [client] = await clients(cache, 1);
      const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);
      await client!.mSet(Object.fromEntries(keys.map((key, index) => [key, String(index)])));
      expect(await client!.mGet(keys)).toEqual(keys.map((_, index) => String(index)));
      expect(await client!.dbSize()).toBe(50);
      expect(await client!.del(keys)).toBe(50);
      expect(counters().openUpstreams).toBeGreaterThanOrEqual(3);
    },
    LONG,
  );
});
