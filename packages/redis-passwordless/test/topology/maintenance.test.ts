import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createIdentity } from "../../src/azure/entra-id.js";
import { onMaintenance as ioOnMaintenance, azureRedis as ioRedis } from "../../src/ioredis.js";
import {
  attach,
  azureRedis,
  azureRedisCluster,
  type MaintenanceNotification,
  onMaintenance,
} from "../../src/node-redis.js";
import type { Identity } from "../../src/reauth/identity.js";
import { NODE_REDIS } from "../support/cache.js";
import { type Client, type Cluster, IOREDIS, ready } from "../support/io-cache.js";

const LONG = 60_000;

const PATIENT = { timeout: 10_000 };

interface Target {
  readonly azure: Emulator;
  readonly identity: Identity;
}

type Listener = (notification: MaintenanceNotification) => void;

/** Connects a client, and calls `onMaintenance` of its entry. */
type Listen = (target: Target, listener: Listener) => Promise<AsyncDisposable>;

const LIBRARIES: readonly (readonly [name: string, single: Listen, cluster: Listen])[] = [
  ...NODE_REDIS.map(([name, redis]): readonly [string, Listen, Listen] => [
    name,
    async ({ azure, identity }, listener) => {
      const options = { url: azure.redis.url, socket: { tls: true as const, ca: azure.caCertificate } };
      const client = redis.createClient(azureRedis(options, { identity }));
      client.on("error", () => {});
      await client.connect();
      onTestFinished(() => client.destroy());
      return onMaintenance(client, listener);
    },
    async ({ azure, identity }, listener) => {
      const options = {
        rootNodes: [{ url: azure.redis.url }],
        defaults: { socket: { tls: true as const, ca: azure.caCertificate } },
      };
      const cluster = attach(redis.createCluster(azureRedisCluster(options, { identity })));
      cluster.on("error", () => {});
      await cluster.connect();
      onTestFinished(() => cluster.destroy());
      return onMaintenance(cluster, listener);
    },
  ]),
  ...IOREDIS.map(([name, lib]): readonly [string, Listen, Listen] => [
    name,
    async ({ azure, identity }, listener) => {
      const { host, port } = azure.redis;
      const client: Client = ioRedis(
        lib.Redis,
        { host, port, tls: { ca: azure.caCertificate } },
        { identity },
      );
      client.on("error", () => {});
      await ready(client);
      onTestFinished(() => client.disconnect());
      return ioOnMaintenance(client, listener);
    },
    async ({ azure, identity }, listener) => {
      const { host, port } = azure.redis;
      const redisOptions = { host, port, tls: { ca: azure.caCertificate } };
      const cluster: Cluster = ioRedis(lib.Cluster, { redisOptions }, { identity });
      cluster.on("error", () => {});
      await ready(cluster);
      onTestFinished(() => cluster.disconnect());
      return ioOnMaintenance(cluster, listener);
    },
  ]),
];

let single: Target;
let cluster: Target;

beforeAll(async () => {
  [single, cluster] = await Promise.all([
    start({}),
    start({ redis: { cluster: { masters: 3, replicas: 1, announce: "ip" } } }),
  ]);
}, LONG);
afterAll(async () => {
  for (const { azure, identity } of [single, cluster]) {
    await identity.close();
    await azure.close();
  }
});

describe.each(LIBRARIES)("onMaintenance with %s", (_, withSingle, withCluster) => {
  test("one server: typed notifications, also after the connection was lost, until it is disposed", async () => {
    const { azure } = single;
    const heard: MaintenanceNotification[] = [];
    const listening = await withSingle(single, (notification) => heard.push(notification));
    const startTimeUtc = new Date("2026-11-21T09:00:00Z");
    await azure.redis.publishMaintenance({ type: "NodeMaintenanceScheduled", startTimeUtc });
    await vi.waitFor(() => expect(heard).toHaveLength(1), PATIENT);
    expect(heard).toEqual([
      {
        type: "NodeMaintenanceScheduled",
        startsAtMs: startTimeUtc.getTime(),
        isReplica: false,
        address: "127.0.0.1",
        tlsPort: azure.redis.port,
        plaintextPort: azure.redis.plaintextPort,
      },
    ]);

    azure.redis.killConnections();
    await isHeard(azure, heard, "NodeMaintenanceEnded");

    await endsConnections(azure, listening, heard);
  });

  test(
    "a cluster: notifications go on through a planned failover",
    async () => {
      const { azure } = cluster;
      const heard: MaintenanceNotification[] = [];
      const listening = await withCluster(cluster, (notification) => heard.push(notification));
      await azure.redis.failover({ announceMaintenance: true });
      // Before the failover; while the connections break nobody listens, and Redis drops what it publishes.
      const starting = { type: "NodeMaintenanceStarting", isReplica: false };
      await vi.waitFor(() => expect(heard[0]).toMatchObject(starting), PATIENT);
      await isHeard(azure, heard, "NodeMaintenanceScheduled");
      await endsConnections(azure, listening, heard);
    },
    LONG,
  );
});

test.each([
  ["node-redis", onMaintenance],
  ["ioredis", ioOnMaintenance],
])("%s: what is no client, or no function, is refused by name", async (_, listen) => {
  await expect(listen({}, () => {})).rejects.toMatchObject({
    code: "ERR_PASSWORDLESS_INVALID_OPTION",
    message: expect.stringContaining("client"),
  });
  await expect(listen({ duplicate: () => {} }, undefined as never)).rejects.toMatchObject({
    code: "ERR_PASSWORDLESS_INVALID_OPTION",
    message: expect.stringContaining("listener"),
  });
});

async function start(options: Parameters<typeof startEmulator>[0]): Promise<Target> {
  const azure = await startEmulator(options);
  const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost };
  return { azure, identity: createIdentity({ managedIdentity: true }, env) };
}

async function isHeard(
  { redis }: Emulator,
  heard: readonly MaintenanceNotification[],
  type: "NodeMaintenanceScheduled" | "NodeMaintenanceEnded",
): Promise<void> {
  const since = heard.length;
  await vi.waitFor(async () => {
    await redis.publishMaintenance({ type });
    expect(heard.slice(since).map((notification) => notification.type)).toContain(type);
  }, PATIENT);
}

/** The client ends a connection, and nothing is heard any more. Others may just be on their way back. */
async function endsConnections(
  azure: Emulator,
  listening: AsyncDisposable,
  heard: readonly MaintenanceNotification[],
): Promise<void> {
  const since = azure.events.length;
  await listening[Symbol.asyncDispose]();
  const ended = expect.objectContaining({ type: "disconnected", reason: "client" }) as unknown;
  await vi.waitFor(() => expect(azure.events.slice(since)).toContainEqual(ended), PATIENT);
  const count = heard.length;
  await azure.redis.publishMaintenance({ type: "NodeMaintenanceEnded" });
  expect(heard).toHaveLength(count);
}
