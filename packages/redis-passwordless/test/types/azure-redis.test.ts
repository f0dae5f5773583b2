import * as ioredis6 from "ioredis";
import * as ioredis5 from "ioredis-5";
import * as iovalkey from "iovalkey";
import * as redis6 from "redis";
import * as redis5 from "redis-5";
import { expectTypeOf, test } from "vitest";
import { azureRedis as ioAzureRedis, azureRedisClient as ioAzureRedisClient } from "../../src/ioredis.js";
import { azureRedis, azureRedisClient, azureRedisCluster } from "../../src/node-redis.js";

/** Calls are compiled, not made. */
function compiled(_call: () => unknown): void {}

test("options for node-redis fit createClient and createCluster, and keep what the caller gave", () => {
  const six = () => redis6.createClient(azureRedis());
  expectTypeOf(six).returns.toEqualTypeOf<ReturnType<typeof plain6>>();
  const plain6 = () => redis6.createClient({});
  compiled(() => redis5.createClient(azureRedis()));
  compiled(() => redis6.createClient(azureRedis("my-cache.westus3.redis.azure.net")));
  const resp2 = () => redis6.createClient(azureRedis({ RESP: 2 }));
  const plainResp2 = () => redis6.createClient({ RESP: 2 });
  expectTypeOf(resp2).returns.toEqualTypeOf<ReturnType<typeof plainResp2>>();
  compiled(() => redis6.createCluster(azureRedisCluster()));
  compiled(() => redis5.createCluster(azureRedisCluster({ defaults: { database: 0 } })));
});

test("what azureRedisClient makes can be used without asking which of the two it is", () => {
  compiled(async () => {
    const client = await azureRedisClient(redis6);
    client.on("error", () => {});
    await client.connect();
    await client.set("key", "value");
    expectTypeOf(await client.get("key")).toEqualTypeOf<string | null>();
    expectTypeOf(await client.incr("n")).toEqualTypeOf<number>();
    await client.close();
  });
  compiled(async () => {
    const { createClient, createCluster } = redis5;
    const client = await azureRedisClient(
      { createClient, createCluster },
      "my-cache.redis.cache.windows.net",
    );
    await client.connect();
    await client.set("key", "value");
  });
  compiled(async () => {
    const client = await ioAzureRedisClient(ioredis6);
    expectTypeOf(await client.get("key")).toEqualTypeOf<string | null>();
    await client.quit();
  });
});

test("clients of ioredis and iovalkey have the type of their class", () => {
  expectTypeOf(() => ioAzureRedis(ioredis6.Redis)).returns.toEqualTypeOf<ioredis6.Redis>();
  expectTypeOf(() => ioAzureRedis(ioredis5.Redis, { db: 0 })).returns.toEqualTypeOf<ioredis5.Redis>();
  expectTypeOf(() => ioAzureRedis(iovalkey.Redis, "host:1")).returns.toEqualTypeOf<iovalkey.Redis>();
  expectTypeOf(() => ioAzureRedis(ioredis6.Cluster)).returns.toEqualTypeOf<ioredis6.Cluster>();
  expectTypeOf(() => ioAzureRedis(iovalkey.Cluster, {})).returns.toEqualTypeOf<iovalkey.Cluster>();
  compiled(() => new ioredis6.Redis(ioAzureRedis()));
  compiled(() => new ioredis5.Redis(ioAzureRedis({ maxRetriesPerRequest: null })));
});
