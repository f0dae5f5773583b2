import { type Emulator, startEmulator } from "azure-redis-emulator";
import * as ioredis from "ioredis";
import * as redis from "redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { defaultIdentity } from "../../src/azure/entra-id.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator();
});
afterAll(() => azure.close());

const KEY = Buffer.from("a key that was regenerated").toString("base64");

test("a key that the cache refuses is said to be one, in node-redis", async () => {
  const env = { AZURE_REDIS_CONNECTIONSTRING: `rediss://:${KEY}@localhost:${azure.redis.port}/0` };
  const one = new AzureNodeRedis(new NodeRedisAdapter(defaultIdentity), { env });
  const socket = { ca: azure.caCertificate, tls: undefined, reconnectStrategy: false as const };
  const client = redis.createClient(one.client({ socket })).on("error", () => {});
  const error: Error = await client.connect().then(
    () => new Error("it has connected"),
    (reason: Error) => reason,
  );
  expect(error.cause).toMatchObject({
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    remedy: expect.stringContaining("access key") as string,
  });
  expect(String(error.cause)).not.toContain(KEY);
});

test("a key that the cache refuses is said to be one, in ioredis", async () => {
  const env = { AZURE_REDIS_CONNECTIONSTRING: `rediss://:${KEY}@localhost:${azure.redis.port}/0` };
  const one = new AzureIoRedis(new IoRedisAdapter(defaultIdentity), { env });
  const options = { tls: { ca: azure.caCertificate }, retryStrategy: () => null, lazyConnect: true };
  const client = one.redis(ioredis.Redis, options) as ioredis.Redis;
  const refused = new Promise((resolve) => client.on("error", resolve));
  await expect(client.connect()).rejects.toThrow();
  expect(await refused).toMatchObject({
    code: "ERR_PASSWORDLESS_AUTH_REFUSED",
    remedy: expect.stringContaining("access key") as string,
  });
});
