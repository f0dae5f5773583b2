import { afterAll, beforeAll, describe, expect, type MockInstance, test, vi } from "vitest";
import { AT_ONCE, IOREDIS, IoCache, LONG } from "../../support/io-cache.js";

const POLICIES = ["Data Contributor", "Data Reader"] as const;

const SITUATIONS = IOREDIS.flatMap(([name, lib]) => POLICIES.map((policy) => ({ name, lib, policy })));

// What is printed is watched for all of them together.
describe.concurrent("access policies without INFO", () => {
  let printed: MockInstance[] = [];
  const warnings: unknown[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);

  beforeAll(() => {
    process.on("warning", onWarning);
    printed = (["warn", "error", "log"] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation(() => {}),
    );
  });

  afterAll(() => {
    process.off("warning", onWarning);
    for (const spy of printed) spy.mockRestore();
  });

  test.for(SITUATIONS)(
    "$name with the policy $policy connects, reconnects and rotates without a word",
    { timeout: LONG },
    async ({ lib, policy }, context) => {
      const cache = await IoCache.start(context, lib, {
        identity: AT_ONCE,
        emulator: { tokenLifetimeMs: 1_500 },
      });
      await cache.azure.assign(cache.azure.systemIdentity.objectId, policy);
      const [client, again] = await cache.connect(2, { retryStrategy: () => 1 });
      const subscriber = await cache.one({ protocol: 2, lazyConnect: false, retryStrategy: () => 1 });
      expect(await client?.get("nothing")).toBeNull();
      if (policy === "Data Contributor") {
        expect(await client?.set("key", "value")).toBe("OK");
        expect(await subscriber.subscribe("news")).toBe(1);
      } else {
        await expect(client?.set("key", "value")).rejects.toThrow("NOPERM");
        await expect(subscriber.subscribe("news")).rejects.toThrow("NOPERM");
        expect(await subscriber.get("nothing")).toBeNull();
      }
      await cache.reauthenticated(3);
      const back = new Promise<void>((resolve) => again?.once("ready", resolve));
      cache.azure.redis.killConnections();
      await back;
      expect(await again?.get("nothing")).toBeNull();
      await cache.reauthenticated(2);
      expect(await client?.ping()).toBe("PONG");
      expect(cache.evictions()).toBe(0);
      expect(cache.errors).toEqual([]);
      expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([]);
      expect(warnings).toEqual([]);
    },
  );

  test.for(IOREDIS)(
    "a cluster of %s with the policy Data Contributor connects without a word",
    { timeout: LONG },
    async ([, lib], context) => {
      const cache = await IoCache.startCluster(context, lib, { identity: AT_ONCE });
      await cache.azure.assign(cache.azure.systemIdentity.objectId, "Data Contributor");
      const cluster = await cache.cluster();
      await cluster.subscribe("news");
      expect(await cluster.set("key", "value")).toBe("OK");
      await cache.reauthenticated(2);
      expect(await cluster.get("key")).toBe("value");
      expect(cache.errors).toEqual([]);
      expect(printed.flatMap((spy) => spy.mock.calls)).toEqual([]);
      expect(warnings).toEqual([]);
    },
  );
});
