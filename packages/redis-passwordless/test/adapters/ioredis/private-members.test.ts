import { describe, expect, test } from "vitest";
import { IOREDIS } from "../../support/io-cache.js";

/** What src/adapters/ioredis/connector-slot.ts and cluster-subscriber.ts use without it being public. */
describe.each(IOREDIS)("%s", (_, lib) => {
  test("a client keeps its connector in `connector`, and asks it when it connects", async () => {
    const redis = new lib.Redis({ lazyConnect: true, retryStrategy: () => null });
    const connector = {
      check: () => true,
      disconnect: () => {},
      connect: async () => {
        throw new Error("asked");
      },
    };
    redis.on("error", () => {});
    expect(redis).toHaveProperty("connector");
    Object.assign(redis, { connector });
    await expect(redis.connect()).rejects.toThrow("asked");
  });

  test("a cluster's subscriber is made anew and put into `subscriber` before it connects", () => {
    const cluster = new lib.Cluster([{ host: "localhost", port: 1 }], { lazyConnect: true });
    const { subscriber: keeper } = cluster as unknown as {
      subscriber: {
        subscriber: unknown;
        connectionPool: { findOrCreate(node: object): unknown };
        start(): void;
      };
    };
    expect(keeper.subscriber).toBeNull();
    const statuses: string[] = [];
    let made: unknown = null;
    Object.defineProperty(keeper, "subscriber", {
      get: () => made,
      set: (client: { status: string; disconnect(): void } | null) => {
        made = client;
        if (client !== null) statuses.push(client.status);
      },
    });
    keeper.connectionPool.findOrCreate({ host: "localhost", port: 1 });
    keeper.start();
    expect(statuses).toEqual(["wait"]);
    (made as { disconnect(): void }).disconnect();
    cluster.disconnect();
  });
});
