import { createSecureContext } from "node:tls";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { Cluster, Redis } from "ioredis";
import * as redis from "redis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createIdentity } from "../../src/azure/entra-id.js";
import { type RunningProxy, startProxy } from "../../src/proxy/proxy.js";
import type { Identity } from "../../src/reauth/identity.js";
import { reachedByEndpoint } from "../../src/topology/address-map.js";
import { fromIoRedis, fromNodeRedis } from "../support/azure-cluster.js";
import {
  confirmedByReplica,
  everyListExists,
  expectNoOtherLoss,
  firstAfter,
  LONG,
  PER_SECOND,
  type Promotion,
} from "../support/failovers.js";
import { NumberedWrites, type WritingClient } from "../support/numbered-writes.js";

/** What clients may get while a master is gone: the table at the end of `docs/proxy.md`. */
const TOLD = {
  /** The first of these is the proxy's, CLUSTERDOWN the other masters'; the rest is how cluster clients give up. */
  cluster:
    /^ERR_PASSWORDLESS_CONNECTION_FAILED .* could not be opened|CLUSTERDOWN|^Disconnects client$|^Too many Cluster redirections|^Socket closed|^read ECONNRESET/,
  single:
    /^ERR_PASSWORDLESS_CONNECTION_FAILED .*(?:may have been executed, or not|has not been executed|could not be opened)|^CLUSTERDOWN /,
};

describe("a master that is killed under load, behind the proxy", () => {
  const node = 1;
  let azure: Emulator;
  let identity: Identity;
  let proxy: RunningProxy;
  const ends: (() => void)[] = [];
  /** Errors of connections to the proxy. */
  const closed: string[] = [];
  let writes: NumberedWrites<WritingClient>[];
  /** The lists on the node that is killed. */
  let lists: Set<number>;
  let confirmed: number[];
  let promotedAtMs = 0;

  beforeAll(async () => {
    azure = await startEmulator({ redis: { cluster: { masters: 3, replicas: 1, announce: "ip" } } });
    identity = createIdentity(
      { managedIdentity: true },
      { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost },
    );
    const { host, port } = azure.redis;
    const cache = {
      server: { host, port, isEncrypted: true },
      identity,
      secureContext: createSecureContext({ ca: azure.caCertificate }),
      addressMap: reachedByEndpoint(host),
      listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
    } as const;
    proxy = await startProxy({
      instances: [
        { ...cache, name: "cluster" },
        { ...cache, name: "single", isSingleEndpoint: true },
      ],
    });
    const [many, single] = proxy
      .status()
      .instances.map(({ listening }) => Number(listening[0]?.split(":")[1]));
    const clients = await Promise.all([
      nodeRedisCluster(many!),
      ioRedisCluster(many!),
      plainNodeRedis(single!),
      plainIoRedis(single!),
    ]);
    writes = clients.map((client) => new NumberedWrites<WritingClient>(client, PER_SECOND));
    await Promise.all(writes.map((write) => everyListExists(write)));
    const { backendUrl } = azure.redis.nodes[node]!;
    lists = await listsAt(backendUrl);
    const confirming = confirmedByReplica(backendUrl, `marker{${[...lists][0]}}`, writes);
    await azure.redis.failover({ node, kind: "unplanned" });
    confirmed = await confirming;
    promotedAtMs = azure.events.find(
      (event) => event.type === "failover" && event.phase === "promoted",
    )!.atMs;
    await vi.waitFor(
      () => expect(writes.map((write) => firstAfter(promotion(), write))).not.toContain(undefined),
      { timeout: LONG },
    );
    await Promise.all(writes.map((write) => write.stop()));
  }, LONG);
  afterAll(async () => {
    for (const end of ends) end();
    await proxy.close();
    await identity.close();
    await azure.close();
  });

  async function nodeRedisCluster(port: number): Promise<WritingClient> {
    const client = fromNodeRedis(
      "node-redis cluster",
      redis.createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] }),
    );
    ends.push(() => client.destroy());
    await client.connect();
    return client;
  }

  async function ioRedisCluster(port: number): Promise<WritingClient> {
    const cluster = new Cluster([{ host: "127.0.0.1", port }], { lazyConnect: true });
    const client = fromIoRedis("ioredis cluster", cluster);
    ends.push(() => client.destroy());
    await client.connect();
    return client;
  }

  async function plainNodeRedis(port: number): Promise<WritingClient> {
    const client = redis.createClient({ socket: { port, reconnectStrategy: false } });
    client.on("error", (error: Error) => closed.push(error.message));
    await client.connect();
    ends.push(() => client.destroy());
    return {
      name: "node-redis",
      rPush: (key, value) => client.rPush(key, value),
      lRange: (key) => client.lRange(key, 0, -1),
    };
  }

  async function plainIoRedis(port: number): Promise<WritingClient> {
    const client = new Redis({ port, lazyConnect: true });
    await client.connect();
    client.on("close", () => closed.push("ioredis was disconnected"));
    ends.push(() => client.removeAllListeners("close").disconnect());
    return {
      name: "ioredis",
      rPush: (key, value) => client.rpush(key, value),
      lRange: (key) => client.lrange(key, 0, -1),
    };
  }

  async function outcome(index: number) {
    const write = writes[index]!;
    const title = `unplanned failover through the proxy, ${write.client.name}`;
    const { failed, twice } = await expectNoOtherLoss(title, promotion(), write, confirmed[index]!);
    return { failed: Object.keys(failed), twice };
  }

  function promotion(): Promotion {
    return { lists, atMs: promotedAtMs };
  }

  test.each([0, 1])("cluster client %i: what the replica had is there", async (index) => {
    const { failed } = await outcome(index);
    expect(failed.filter((reason) => !TOLD.cluster.test(reason))).toEqual([]);
  });

  test.each([2, 3])(
    "client %i of the single endpoint: it stays, and is told of each write that may be lost",
    async (index) => {
      const { failed, twice } = await outcome(index);
      expect(failed.filter((reason) => !TOLD.single.test(reason))).toEqual([]);
      expect([twice, closed]).toEqual([0, []]);
    },
  );
});

/** The numbers of the lists that a server has. */
async function listsAt(url: string): Promise<Set<number>> {
  const server = await redis.createClient({ url }).connect();
  try {
    const keys = await server.keys("*:{*}");
    return new Set(keys.map((key) => Number(/\{(\d+)\}/.exec(key)?.[1])));
  } finally {
    server.destroy();
  }
}
