import { type Emulator, type Identity as Owner, startEmulator } from "azure-redis-emulator";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity } from "../../src/azure/entra-id.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import type { AzureRedisSettings } from "../../src/one-call/settings.js";
import type { Identity } from "../../src/reauth/identity.js";
import { NODE_REDIS, type NodeRedis } from "../support/cache.js";
import {
  type Cluster,
  IOREDIS,
  type IoRedis,
  type Client as IoRedisClient,
  ready,
} from "../support/io-cache.js";
import { freePort } from "../support/redis-processes.js";

const MISMATCH = "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH";

/** One for each of three masters, in this order. */
const KEYS = ["b", "c", "a"];

let cluster: Emulator;
let single: Emulator;
let oneNode: Emulator;
const identities: Identity[] = [];

beforeAll(async () => {
  [cluster, single, oneNode] = await Promise.all([
    startEmulator({ redis: { cluster: { masters: 3, announce: "ip" } } }),
    startEmulator(),
    startClusterOfOne(),
  ]);
}, 60_000);
afterAll(async () => {
  await Promise.all(identities.map((identity) => identity.close()));
  await Promise.all([cluster, single, oneNode].map((azure) => azure.close()));
});

describe.each(NODE_REDIS)("%s", (_, redis) => {
  test("a client for one server does not connect to a cluster, and hears which constructor does", async () => {
    const { client, errors } = clientOf(redis, cluster);
    await expect(client.connect()).rejects.toMatchObject({
      code: MISMATCH,
      rule: "moved",
      message: expect.stringContaining("createClient(azureRedis())"),
      remedy: expect.stringContaining("createCluster(azureRedisCluster())"),
    });
    expect([client.isOpen, codesOf(errors)]).toEqual([false, [MISMATCH]]);
  });

  test("a cluster does not connect to one server, and hears which constructor does", async () => {
    const { client, errors } = clusterOf(redis, single);
    await expect(client.connect()).rejects.toThrow();
    // What the cluster itself throws says nothing about the reason.
    expect(errors).toContainEqual(
      expect.objectContaining({
        code: MISMATCH,
        rule: "cluster-client-on-single-server",
        message: expect.stringContaining("createCluster(azureRedisCluster())"),
        remedy: expect.stringContaining("createClient(azureRedis())"),
      }),
    );
    expect(client.isOpen).toBe(false);
  });

  test("without the check MOVED is the application's", async () => {
    const { client } = clientOf(redis, cluster, { checkTopology: false });
    await client.connect();
    const outcomes = await Promise.allSettled(KEYS.map((key) => client.set(key, "1")));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(reasonsOf(outcomes).filter((reason) => reason.startsWith("MOVED"))).toHaveLength(2);
  });

  test("who may not ask for the slots is not stopped", async () => {
    const owner = narrow(single);
    const { client } = clientOf(redis, single, {}, owner);
    await client.connect();
    expect(await client.set(`narrow ${owner.objectId}`, "1")).toBe("OK");
  });

  test("a cluster of one node serves either", async () => {
    const { client } = clientOf(redis, oneNode);
    await client.connect();
    const { client: clustered } = clusterOf(redis, oneNode);
    await clustered.connect();
    expect(await Promise.all(KEYS.map((key) => client.set(key, "1")))).toEqual(KEYS.map(() => "OK"));
    expect(await Promise.all(KEYS.map((key) => clustered.get(key)))).toEqual(KEYS.map(() => "1"));
  });
});

describe.each(IOREDIS)("%s", (_, lib) => {
  test("a client for one server ends at a cluster, and says which constructor does not", async () => {
    const { client, errors } = ioClientOf(lib, cluster);
    await client.connect().catch(() => {});
    await vi.waitFor(
      () =>
        expect(errors).toContainEqual(
          expect.objectContaining({
            code: MISMATCH,
            message: expect.stringContaining("azureRedis(Redis)"),
            remedy: expect.stringContaining("azureRedis(Cluster)"),
          }),
        ),
      { timeout: 10_000 },
    );
    await ended(client);
    await expect(client.get("key")).rejects.toThrow();
  });

  test("a cluster ends at one server, and says which constructor does not", async () => {
    const { client, errors } = ioClusterOf(lib, single);
    await client.connect().catch(() => {});
    await ended(client);
    const reasons = errors.flatMap((error) => [error, (error as { lastNodeError?: unknown }).lastNodeError]);
    expect(reasons).toContainEqual(
      expect.objectContaining({
        code: MISMATCH,
        message: expect.stringContaining("azureRedis(Cluster)"),
        remedy: expect.stringContaining("azureRedis(Redis)"),
      }),
    );
  });

  test("without the check MOVED is the application's", async () => {
    const { client } = ioClientOf(lib, cluster, { checkTopology: false });
    await connected(client);
    const outcomes = await Promise.allSettled(KEYS.map((key) => client.set(key, "1")));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(reasonsOf(outcomes).filter((reason) => reason.startsWith("MOVED"))).toHaveLength(2);
  });

  test("who may not ask for the slots is not stopped", async () => {
    const owner = narrow(single);
    const { client } = ioClientOf(lib, single, {}, owner);
    await connected(client);
    expect(await client.set(`narrow ${owner.objectId}`, "1")).toBe("OK");
  });

  test("a cluster of one node serves either", async () => {
    const { client } = ioClientOf(lib, oneNode);
    const { client: clustered } = ioClusterOf(lib, oneNode);
    await Promise.all([connected(client), connected(clustered)]);
    expect(await Promise.all(KEYS.map((key) => client.set(key, "1")))).toEqual(KEYS.map(() => "OK"));
    expect(await Promise.all(KEYS.map((key) => clustered.get(key)))).toEqual(KEYS.map(() => "1"));
  });
});

describe("a server that cannot be asked what it is", () => {
  test.each(NODE_REDIS)("does not keep %s from logging in", async (_, redis) => {
    const azure = await startEmulator();
    onTestFinished(() => azure.close());
    // The first login is the question's, on a connection of its own.
    const fault = azure.redis.injectFault({ kind: "close" }, { times: 1 });
    const { client, errors } = clientOf(redis, azure);
    await client.connect();
    expect(await client.set("key", "1")).toBe("OK");
    expect([fault.applied, errors]).toEqual([1, []]);
  });
});

function clientOf(redis: NodeRedis, azure: Emulator, settings: AzureRedisSettings = {}, owner?: Owner) {
  const options = { socket: { ca: azure.caCertificate } };
  const client = redis.createClient(nodeRedis(azure).client(options, who(azure, settings, owner)));
  return watched(client, () => client.isOpen && client.destroy());
}

function clusterOf(redis: NodeRedis, azure: Emulator) {
  const options = { defaults: { socket: { ca: azure.caCertificate } } };
  const client = redis.createCluster(nodeRedis(azure).cluster(options, who(azure)) as never);
  return watched(client, () => client.isOpen && client.destroy());
}

function ioClientOf(lib: IoRedis, azure: Emulator, settings: AzureRedisSettings = {}, owner?: Owner) {
  const options = { lazyConnect: true, tls: { ca: azure.caCertificate } };
  const client = ioRedis(azure).redis(lib.Redis, options, who(azure, settings, owner)) as IoRedisClient;
  return watched(client, () => client.disconnect());
}

function ioClusterOf(lib: IoRedis, azure: Emulator) {
  const options = { lazyConnect: true, redisOptions: { tls: { ca: azure.caCertificate } } };
  const client = ioRedis(azure).cluster(lib.Cluster, options, who(azure)) as Cluster;
  return watched(client, () => client.disconnect());
}

function nodeRedis(azure: Emulator): AzureNodeRedis {
  return new AzureNodeRedis(new NodeRedisAdapter(() => noDefault()), { env: envOf(azure) });
}

function ioRedis(azure: Emulator): AzureIoRedis {
  return new AzureIoRedis(new IoRedisAdapter(() => noDefault()), { env: envOf(azure) });
}

function envOf({ redis }: Emulator): Record<string, string> {
  return { AZURE_REDIS_HOST: `${redis.host}:${redis.port}` };
}

function noDefault(): never {
  throw new Error("the settings name the identity");
}

function who(azure: Emulator, settings: AzureRedisSettings = {}, owner = azure.systemIdentity) {
  const identity = createIdentity(
    {
      identityProvider: {
        requestToken: async () => ({
          token: await azure.issueToken(owner.objectId),
          username: owner.objectId,
          expiresAtMs: Date.now() + 3_600_000,
        }),
      },
    },
    {},
  );
  identities.push(identity);
  return { ...settings, identity };
}

/** An identity that may read and write, but not ask for anything about the cluster. */
function narrow(azure: Emulator): Owner {
  return azure.addServicePrincipal({ accessPolicy: "+@read +@write +@connection ~*" });
}

function watched<C extends object>(
  client: C,
  end: () => unknown,
): { readonly client: C; readonly errors: Error[] } {
  const errors: Error[] = [];
  const { on } = client as { on?: (event: string, listener: (error: Error) => void) => unknown };
  for (const event of ["error", "node-error", "node error"]) {
    on?.call(client, event, (error) => errors.push(error));
  }
  onTestFinished(() => {
    end();
  });
  return { client, errors };
}

async function connected(client: IoRedisClient | Cluster): Promise<void> {
  await client.connect();
  await ready(client);
}

/** Resolves when a client has given up. */
async function ended(client: IoRedisClient | Cluster): Promise<void> {
  await vi.waitFor(() => expect(client.status).toBe("end"), { timeout: 10_000 });
}

function codesOf(errors: readonly Error[]): unknown[] {
  return errors.map((error) => (error as { code?: unknown }).code);
}

function reasonsOf(outcomes: readonly PromiseSettledResult<unknown>[]): string[] {
  return outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [(outcome.reason as Error).message] : [],
  );
}

/** A cluster that has one node, which announces itself by its name and the gateway's port. */
async function startClusterOfOne(): Promise<Emulator> {
  const [gatewayPort, busPort] = await Promise.all([freePort(), freePort()]);
  const config = {
    "cluster-enabled": "yes",
    "cluster-port": busPort,
    "cluster-announce-hostname": "localhost",
    "cluster-preferred-endpoint-type": "hostname",
    "cluster-announce-port": gatewayPort,
  };
  const azure = await startEmulator({
    gateway: { port: gatewayPort },
    redis: { args: Object.entries(config).flatMap(([option, value]) => [`--${option}`, String(value)]) },
  });
  const admin = await createClient({ url: azure.redis.backendUrl }).connect();
  await admin.sendCommand(["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
  await vi.waitFor(
    async () => expect(await admin.sendCommand(["CLUSTER", "INFO"])).toContain("cluster_state:ok"),
    { timeout: 10_000 },
  );
  admin.destroy();
  return azure;
}
