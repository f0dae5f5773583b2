import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, expect, test } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity } from "../../src/azure/entra-id.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import type { Identity } from "../../src/reauth/identity.js";
import { NODE_REDIS } from "../support/cache.js";
import { type Cluster, IOREDIS } from "../support/io-cache.js";

// The caller of `azureRedisClient` writes options of a client; where the cache is a cluster, they have to mean the same.

let azure: Emulator;
let identity: Identity;
beforeAll(async () => {
  azure = await startEmulator({ redis: { cluster: { announce: "ip" } } });
  identity = createIdentity({ managedIdentity: true }, { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost });
});
afterAll(async () => {
  await identity.close();
  await azure.close();
});

test.for(NODE_REDIS)(
  "%s: protocol, prefix and scripts of a client are those of a cluster",
  async ([, redis], context) => {
    const SCRIPT = redis.defineScript({
      SCRIPT: "return redis.call('GET', KEYS[1])",
      NUMBER_OF_KEYS: 1,
      parseCommand: (parser, key: string) => parser.pushKey(key),
      transformReply: (reply: unknown) => reply,
    });
    const azureRedis = new AzureNodeRedis(new NodeRedisAdapter(() => identity), { env: {} });
    const options = {
      url: azure.redis.url,
      socket: { ca: azure.caCertificate },
      RESP: 2,
      keyPrefix: "shop:",
      scripts: { read: SCRIPT },
      name: "cart",
    };
    const client = (await azureRedis.either(redis, options, { identity })) as ReturnType<
      typeof redis.createCluster
    > & { read(key: string): Promise<unknown> };
    context.onTestFinished(() => client.destroy());
    await client.on("error", () => {}).connect();
    await client.set("key", "value");
    expect(await client.read("key")).toBe("value");
    // node-redis 5 has no prefix for keys.
    const hasPrefix = redis !== NODE_REDIS[1][1];
    const info = await client.sendCommand(undefined, false, ["CLIENT", "INFO"]);
    expect(info).toMatch(/name=cart .*resp=2/);
    const key = hasPrefix ? "shop:key" : "key";
    expect(await client.sendCommand(key, true, ["GET", key])).toBe("value");
  },
);

test.for(IOREDIS)(
  "%s: prefix, scripts and what a client waits for are those of a cluster",
  async ([, { Cluster, Redis }], context) => {
    const azureRedis = new AzureIoRedis(new IoRedisAdapter(() => identity), { env: {} });
    const { host, port } = azure.redis;
    const make = async (extra: object) => {
      const options = { host, port, tls: { ca: azure.caCertificate }, lazyConnect: true, ...extra };
      const client = await azureRedis.either({ Redis, Cluster }, options, { identity });
      context.onTestFinished(() => (client as Cluster).disconnect());
      return client as Cluster & { read(key: string): Promise<unknown> };
    };
    const scripts = { read: { lua: "return redis.call('GET', KEYS[1])", numberOfKeys: 1 } };
    const client = await make({ keyPrefix: "shop:", scripts, connectionName: "cart" });
    expect(client).toBeInstanceOf(Cluster);
    expect(client.status).toBe("wait");
    await client.set("key", "value");
    expect(await client.read("key")).toBe("value");
    expect(await (await make({})).get("shop:key")).toBe("value");
    expect(await client.client("INFO")).toMatch(/name=cart /);
  },
);
