import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  AzureCluster,
  CLUSTER_CLIENTS,
  type ClusterClient,
  fromIoRedis,
  fromNodeRedis,
} from "../support/azure-cluster.js";
import { NODE_REDIS, ROTATIONS, TOKEN_LIFETIME_MS } from "../support/cache.js";
import { IOREDIS } from "../support/io-cache.js";
import { type Counting, incrementSteadily } from "../support/load.js";
import { record } from "../support/record.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 60_000;

/** So many keys hit every node, and most of them a slot of their own. */
const KEYS = Array.from({ length: 300 }, (_, number) => `key:${number}`);

const PATIENT = { timeout: 10_000 };

const WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";

describe.each(["ip", "unreachableIp"] as const)("nodes that announce themselves as %s", (announce) => {
  let cache: AzureCluster;
  beforeAll(async () => {
    cache = await AzureCluster.start({ masters: 3, announce });
  }, LONG);
  afterAll(() => cache.close());

  test.each(CLUSTER_CLIENTS)("%s connects, and reaches every key", async (name, make) => {
    const startMs = performance.now();
    const client = make(cache);
    await client.connect();
    const connectMs = Math.round(performance.now() - startMs);
    await Promise.all(KEYS.map((key) => client.set(`${name}:${key}`, key)));
    expect(await Promise.all(KEYS.map((key) => client.get(`${name}:${key}`)))).toEqual(KEYS);
    record(`connect ${announce} ${name}`, { connectMs });
    expect(client.errors).toEqual([]);
    client.destroy();
  });
});

describe("nodes that announce IP addresses", () => {
  let cache: AzureCluster;
  beforeAll(async () => {
    cache = await AzureCluster.start({ masters: 3, announce: "ip" });
  }, LONG);
  afterAll(() => cache.close());

  describe("clients with their own options alone are refused by the certificate", () => {
    test.each(NODE_REDIS)("%s", async (name, redis) => {
      const { password, username } = await credentials();
      const { url } = cache.azure.redis;
      const socket = { tls: true as const, ca: cache.azure.caCertificate };
      const cluster = redis.createCluster({ rootNodes: [{ url }], defaults: { username, password, socket } });
      await isRefused(fromNodeRedis(name, cluster));
    });

    test.each(IOREDIS)("%s", async (name, lib) => {
      const { host, port } = cache.azure.redis;
      const tls = { ca: cache.azure.caCertificate };
      const cluster = new lib.Cluster([{ host, port }], {
        lazyConnect: true,
        // As its README has it for TLS: the endpoint stays a name.
        dnsLookup: (address, callback) => callback(null, address),
        redisOptions: { ...(await credentials()), tls },
      });
      await isRefused(fromIoRedis(name, cluster));
    });

    async function credentials(): Promise<{ username: string; password: string }> {
      const { objectId } = cache.azure.systemIdentity;
      return { username: objectId, password: await cache.azure.issueToken(objectId) };
    }

    /** By every node: not one command is answered. */
    async function isRefused(client: ClusterClient): Promise<void> {
      let answered = 0;
      client.connect().catch(() => {});
      for (const key of KEYS) {
        client.set(key, "never").then(
          () => {
            answered += 1;
          },
          () => {},
        );
      }
      await vi.waitFor(() => expect(codesOf(client)).toContain(WRONG_NAME), PATIENT);
      client.destroy();
      expect(answered).toBe(0);
    }
  });

  test(
    "a node that shows a certificate for another name is refused, until it shows its own again",
    async () => {
      const refusing = 1;
      await cache.azure.redis.useCertificate(refusing, ["wrong.example.com"]);
      const clients = CLUSTER_CLIENTS.map(([, make]) => make(cache));
      const connecting = clients.map((client) => client.connect());
      const writing = clients.map((client) =>
        writeWhenConnected(client, connecting[clients.indexOf(client)]!),
      );
      await vi.waitFor(() => {
        for (const client of clients)
          expect([client.name, codesOf(client)]).toEqual([client.name, [WRONG_NAME]]);
      }, PATIENT);
      await cache.azure.redis.useCertificate(refusing, null);
      await Promise.all(writing);
      for (const client of clients) {
        expect(await Promise.all(KEYS.map((key) => client.get(`${client.name}:${key}`)))).toEqual(KEYS);
        client.destroy();
      }
    },
    LONG,
  );

  test("all clients follow ASK and MOVED to an address", async () => {
    const clients = await cache.all();
    const key = "{moving}";
    const slot = await cache.onServer<number>(0, "CLUSTER", "KEYSLOT", key);
    const [from, to] = await ownerAndAnother(slot);
    const ids = await Promise.all([0, 1, 2].map((node) => cache.onServer<string>(node, "CLUSTER", "MYID")));
    await cache.onServer(to, "CLUSTER", "SETSLOT", `${slot}`, "IMPORTING", ids[from]!);
    await cache.onServer(from, "CLUSTER", "SETSLOT", `${slot}`, "MIGRATING", ids[to]!);
    // The key is not there, so the old owner sends everybody to the new one, with ASK.
    await Promise.all(clients.map((client) => client.set(`${key}${client.name}`, "asked")));
    expect(await cache.onServer(to, "CLUSTER", "COUNTKEYSINSLOT", `${slot}`)).toBe(clients.length);
    expect(await cache.onServer(from, "CLUSTER", "COUNTKEYSINSLOT", `${slot}`)).toBe(0);

    for (const node of [to, from, 3 - to - from]) {
      await cache.onServer(node, "CLUSTER", "SETSLOT", `${slot}`, "NODE", ids[to]!);
    }
    // Nobody has told the clients: with MOVED the old owner does.
    expect(await Promise.all(clients.map((client) => client.get(`${key}${client.name}`)))).toEqual(
      clients.map(() => "asked"),
    );
    expect(clients.flatMap(({ errors }) => errors)).toEqual([]);
    for (const client of clients) client.destroy();
  });

  test(
    "through rotations no command fails, none is applied twice, and nobody is evicted",
    async () => {
      const clients = await cache.all();
      const load = await incrementSteadily(clients.flatMap(counters), 1_000, cache.rotations(ROTATIONS));
      record("rotations behind addresses, all clients", {
        ...load,
        failed: load.failed.length,
        evicted: cache.evictions(),
      });
      expect([load.failed, load.wrong, cache.evictions()]).toEqual([[], 0, 0]);
      expect(clients.flatMap(({ errors }) => errors)).toEqual([]);
    },
    LONG,
  );

  /** Nodes by their index: the one that has the slot, and another. */
  async function ownerAndAnother(slot: number): Promise<[number, number]> {
    const ranges = await cache.onServer<[number, number, [string, number, string]][]>(0, "CLUSTER", "SLOTS");
    const port = ranges.find(([first, last]) => first <= slot && slot <= last)![2][1];
    const owner = cache.azure.redis.nodes.findIndex((node) => node.port === port);
    return [owner, (owner + 1) % 3];
  }
});

/** A client in the place of many: each counter is another key, on any of the nodes. */
function counters(client: ClusterClient): Counting[] {
  return Array.from({ length: 60 }, () => ({ incr: (key) => client.incr(`${client.name}:${key}`) }));
}

async function writeWhenConnected(client: ClusterClient, connecting: Promise<void>): Promise<void> {
  await connecting;
  await Promise.all(KEYS.map((key) => client.set(`${client.name}:${key}`, key)));
}

function codesOf({ errors }: ClusterClient): string[] {
  return [...new Set(errors.flatMap((error) => ("code" in error ? [String(error.code)] : [])))];
}
