import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, createCluster } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, type Identity, startEmulator } from "../../src/index.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

const MASTERS = 3;
const OK = "+OK\r\n";
const WRONGPASS = /^-WRONGPASS /;

/** An entry of `CLUSTER SLOTS`: first slot, last slot, master. */
type SlotRange = [first: number, last: number, master: [host: string, port: number]];

/** An entry of `CLUSTER SHARDS` in RESP3. */
interface Shard {
  readonly nodes: readonly { readonly endpoint: string; readonly port: number }[];
}

type AddressMap = Readonly<Record<string, { host: string; port: number }>>;

/** A connected cluster client of an identity, which knows the first node only. */
async function connectCluster(azure: Emulator, identity: Identity, nodeAddressMap?: AddressMap) {
  const cluster = createCluster({
    rootNodes: [{ url: azure.redis.url }],
    defaults: {
      username: identity.objectId,
      password: await azure.issueToken(identity.objectId),
      socket: { tls: true, ca: azure.caCertificate, reconnectStrategy: false },
    },
    ...(nodeAddressMap && { nodeAddressMap }),
  });
  cluster.on("error", () => undefined);
  cluster.on("node-error", () => undefined);
  await cluster.connect();
  return cluster;
}

/** A connection to each node that has not logged in. */
function connectToAll(azure: Emulator): Promise<RawClient[]> {
  return Promise.all(
    azure.redis.nodes.map(({ port }) => RawClient.connect({ port, ca: azure.caCertificate })),
  );
}

/** What each of the connections answers to a login with a new token. */
async function logIn(azure: Emulator, clients: readonly RawClient[], objectId: string): Promise<string[]> {
  const token = await azure.issueToken(objectId);
  return Promise.all(clients.map((client) => client.call("AUTH", objectId, token)));
}

async function loggedInToAll(azure: Emulator, objectId: string): Promise<RawClient[]> {
  const clients = await connectToAll(azure);
  expect(await logIn(azure, clients, objectId)).toEqual(clients.map(() => OK));
  return clients;
}

/** Runs a command on each real server, past the gateways. */
function onEachServer(azure: Emulator, ...command: string[]): Promise<unknown[]> {
  return Promise.all(
    azure.redis.nodes.map(async ({ backendUrl }) => {
      const server = await createClient({ url: backendUrl }).connect();
      const reply = await server.sendCommand(command);
      server.destroy();
      return reply;
    }),
  );
}

/** The nodes to which `CLUSTER SLOTS` sends a client, as `host:port`. */
async function announced(azure: Emulator, port = azure.redis.port): Promise<string[]> {
  const client = await connectRedis(azure, azure.systemIdentity, undefined, port);
  const ranges = await client.sendCommand<SlotRange[]>(["CLUSTER", "SLOTS"]);
  client.destroy();
  return ranges.sort(([a], [b]) => a - b).map(([, , [host, node]]) => `${host}:${node}`);
}

describe("a cluster", () => {
  let azure: Emulator;
  let identity: Identity;
  beforeAll(async () => {
    azure = await startEmulator({ redis: { cluster: { masters: MASTERS } } });
    identity = azure.userIdentity;
  });
  afterEach(() => {
    azure.clearFaults();
    azure.setClockOffset(0);
    azure.redis.killConnections();
  });
  afterAll(() => azure.close());

  const gateways = (): string[] => azure.redis.nodes.map(({ host, port }) => `${host}:${port}`);

  test("has a gateway for each node, of which the first is the cache's address", () => {
    const { redis } = azure;
    expect(new Set(gateways()).size).toBe(MASTERS);
    const { host, port, backendUrl } = redis;
    expect(redis.nodes[0]).toMatchObject({ host, port, backendUrl, role: "master", isRunning: true });
    expect(redis.url).toBe(`rediss://${gateways()[0]}`);
    expect(azure.env()).toMatchObject({ REDIS_URL: redis.url });
  });

  test("lets a cluster client read and write keys of all nodes", async () => {
    const cluster = await connectCluster(azure, identity);
    const keys = Array.from({ length: 60 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => cluster.set(key, `${key}'s value`)));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(
      keys.map((key) => `${key}'s value`),
    );
    expect(cluster.masters.map(({ address }) => address).sort()).toEqual(gateways().sort());
    cluster.destroy();
    const sizes = (await onEachServer(azure, "DBSIZE")).map(Number);
    expect(sizes.every((size) => size > 0)).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(keys.length);
  });

  test("every node sends clients to the gateways, by the name that the certificate covers", async () => {
    for (const { port } of azure.redis.nodes) expect(await announced(azure, port)).toEqual(gateways());
    const client = await connectRedis(azure, identity);
    const shards = await client.sendCommand<readonly Shard[]>(["CLUSTER", "SHARDS"]);
    const nodes = await client.sendCommand<string>(["CLUSTER", "NODES"]);
    expect(
      shards.flatMap((shard) => shard.nodes.map(({ endpoint, port }) => `${endpoint}:${port}`)).sort(),
    ).toEqual(gateways().sort());
    for (const { port } of azure.redis.nodes) {
      expect(nodes).toMatch(new RegExp(` 127\\.0\\.0\\.1:${port}@\\d+,localhost `));
    }
    // "foo" has slot 12182, which is the third node's.
    await expect(client.get("foo")).rejects.toThrow(`MOVED 12182 ${gateways()[2]}`);
    client.destroy();
  });

  test("knows whose connection it is at each node, and gives no two the same id", async () => {
    const since = azure.events.length;
    const clients = await loggedInToAll(azure, identity.objectId);
    const names = await Promise.all(clients.map((client) => client.call("ACL", "WHOAMI")));
    expect(names).toEqual(clients.map(() => expect.stringContaining(identity.objectId)));
    const ids = azure.events
      .slice(since)
      .flatMap((event) => (event.type === "login" && event.accepted ? [event.connectionId] : []));
    expect(new Set(ids).size).toBe(MASTERS);
    expect(azure.redis.connectionCount).toBe(MASTERS);
  });

  test("closes the connections at every node when their token ends", async () => {
    const since = azure.events.length;
    const clients = await loggedInToAll(azure, identity.objectId);
    azure.setClockOffset(3_602_000);
    await Promise.all(clients.map(({ closed }) => closed));
    const ends = azure.events.slice(since).filter(({ type }) => type === "disconnected");
    expect(ends).toEqual(ends.map(() => expect.objectContaining({ reason: "tokenExpired" })));
    expect(ends).toHaveLength(MASTERS);
  });

  test("keeps a connection at every node that logs in again in time", async () => {
    azure.setTokenLifetime(7_200_000, identity.objectId);
    const clients = await loggedInToAll(azure, identity.objectId);
    azure.setClockOffset(7_000_000);
    expect(await logIn(azure, clients, identity.objectId)).toEqual(clients.map(() => OK));
    const witness = await RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });
    azure.setTokenLifetime(1000, identity.objectId);
    await logIn(azure, [witness], identity.objectId);
    azure.setClockOffset(7_300_000);
    await witness.closed;
    expect(await Promise.all(clients.map((client) => client.call("PING")))).toEqual(
      clients.map(() => "+PONG\r\n"),
    );
    azure.setTokenLifetime(3_600_000, identity.objectId);
  });

  test("refuses a revoked identity at every node, and closes its connections there", async () => {
    const { objectId } = azure.addManagedIdentity({ kind: "user" });
    const before = await loggedInToAll(azure, objectId);
    await azure.revoke(objectId);
    await Promise.all(before.map(({ closed }) => closed));
    const refused = await connectToAll(azure);
    expect(await logIn(azure, refused, objectId)).toEqual(
      refused.map(() => expect.stringMatching(WRONGPASS)),
    );
    await azure.assign(objectId, "Data Owner");
    expect(await logIn(azure, refused, objectId)).toEqual(refused.map(() => OK));
  });

  test("changes an access policy on the open connections of every node", async () => {
    const { objectId } = azure.addManagedIdentity({ kind: "user" });
    const clients = await loggedInToAll(azure, objectId);
    await azure.assign(objectId, "Data Reader");
    expect(await Promise.all(clients.map((client) => client.call("PUBLISH", "a", "b")))).toEqual(
      clients.map(() => expect.stringMatching(/^-NOPERM /)),
    );
  });

  test("injects a fault wherever the next logins arrive, as often as asked for in all", async () => {
    const clients = await connectToAll(azure);
    const fault = azure.redis.injectFault({ kind: "refuse" }, { times: MASTERS });
    expect(await logIn(azure, clients, identity.objectId)).toEqual(
      clients.map(() => expect.stringMatching(WRONGPASS)),
    );
    expect(fault.applied).toBe(MASTERS);
    expect(await logIn(azure, clients, identity.objectId)).toEqual(clients.map(() => OK));
  });

  test("kills the connections of all nodes", async () => {
    const own = await loggedInToAll(azure, identity.objectId);
    const others = await loggedInToAll(azure, azure.systemIdentity.objectId);
    expect(azure.redis.killConnections({ objectId: identity.objectId })).toBe(MASTERS);
    await Promise.all(own.map(({ closed }) => closed));
    expect(azure.redis.connectionCount).toBe(MASTERS);
    expect(azure.redis.killConnections()).toBe(MASTERS);
    await Promise.all(others.map(({ closed }) => closed));
    expect(azure.redis.connectionCount).toBe(0);
  });

  test("restarts all nodes, with their data and their place in the cluster", async () => {
    const cluster = await connectCluster(azure, identity);
    const keys = Array.from({ length: 20 }, (_, index) => `kept-${index}`);
    await Promise.all(keys.map((key) => cluster.set(key, key)));
    cluster.destroy();
    const clients = await loggedInToAll(azure, identity.objectId);
    const runs = await onEachServer(azure, "CLUSTER", "MYID");
    await Promise.all([azure.redis.restart(), azure.redis.restart()]);
    await Promise.all(clients.map(({ closed }) => closed));
    expect(await onEachServer(azure, "CLUSTER", "MYID")).toEqual(runs);
    for (const { port } of azure.redis.nodes) expect(await announced(azure, port)).toEqual(gateways());
    const again = await connectCluster(azure, identity);
    expect(await Promise.all(keys.map((key) => again.get(key)))).toEqual(keys);
    again.destroy();
  });
});

describe('a cluster that announces "ip"', () => {
  let azure: Emulator;
  beforeAll(async () => {
    azure = await startEmulator({ redis: { cluster: { masters: MASTERS, announce: "ip" } } });
  });
  afterAll(() => azure.close());

  test("sends clients to 127.0.0.1, in CLUSTER SLOTS and in MOVED", async () => {
    const { nodes } = azure.redis;
    expect(await announced(azure)).toEqual(nodes.map(({ port }) => `127.0.0.1:${port}`));
    const client = await connectRedis(azure, azure.systemIdentity);
    await expect(client.get("foo")).rejects.toThrow(`MOVED 12182 127.0.0.1:${nodes[2]!.port}`);
    client.destroy();
    expect(nodes.map(({ host }) => host)).toEqual(nodes.map(() => "localhost"));
  });

  test("keeps out a client that takes those addresses as they are: no certificate covers them", async () => {
    const { port } = azure.redis;
    const client = createClient({
      socket: { host: "127.0.0.1", port, tls: true, ca: azure.caCertificate, reconnectStrategy: false },
    });
    client.on("error", () => undefined);
    await expect(client.connect()).rejects.toThrow("IP: 127.0.0.1 is not in the cert's list");
    await expect(connectCluster(azure, azure.systemIdentity)).rejects.toThrow();
  });

  test("lets in a client that maps the addresses back to the name", async () => {
    const map = Object.fromEntries(
      azure.redis.nodes.map(({ host, port }) => [`127.0.0.1:${port}`, { host, port }]),
    );
    const cluster = await connectCluster(azure, azure.systemIdentity, map);
    const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`);
    await Promise.all(keys.map((key) => cluster.set(key, key)));
    expect(await Promise.all(keys.map((key) => cluster.get(key)))).toEqual(keys);
    cluster.destroy();
  });
});

test("a cluster leaves no process behind when it is closed, also during a restart", async () => {
  const azure = await startEmulator({ redis: { cluster: { masters: 4 } } });
  const infos = await onEachServer(azure, "INFO", "server");
  const oldPids = infos.map((info) => Number(/^process_id:(\d+)/m.exec(String(info))?.[1]));
  expect(oldPids.filter(isRunning)).toHaveLength(4);
  const restarted = azure.redis.restart();
  await azure.close();
  await restarted;
  expect(oldPids.filter(isRunning)).toEqual([]);
  const ports = azure.redis.nodes.flatMap(({ backendUrl }) => Number(new URL(backendUrl).port));
  for (const port of ports) await expect(RawClient.connect({ port })).rejects.toThrow("ECONNREFUSED");
  await azure.close();
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("the options of a cluster", () => {
  test.each([2, 0, -3, 3.5, Number.NaN])("refuse %d masters", async (masters) => {
    await expect(startEmulator({ redis: { cluster: { masters } } })).rejects.toThrow(
      `"redis.cluster.masters" must be a whole number, 3 or more; got ${masters}.`,
    );
  });

  test.each([-1, 0.5])("refuse %d replicas", async (replicas) => {
    await expect(startEmulator({ redis: { cluster: { replicas } } })).rejects.toThrow(
      `"redis.cluster.replicas" must be a whole number, 0 or more; got ${replicas}.`,
    );
  });

  test("refuse a cluster where a server is given", async () => {
    const redis = { url: "redis://:secret@localhost:1", cluster: { masters: 3 } };
    await expect(startEmulator({ redis })).rejects.toThrow(
      'Give either "redis.url", for a server that runs, or "redis.cluster", for one to start.',
    );
  });

  test("refuse another way to announce nodes", async () => {
    const cluster = { masters: 3, announce: "name" as "ip" };
    await expect(startEmulator({ redis: { cluster } })).rejects.toThrow(
      '"redis.cluster.announce" must be "hostname", "ip" or "unreachableIp"; got "name".',
    );
  });

  test("refuse a server that cannot announce names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "old-redis-"));
    const bin = join(folder, "redis-server");
    writeFileSync(bin, "#!/bin/sh\necho 'Redis server v=6.2.14 sha=0 bits=64'\n");
    chmodSync(bin, 0o755);
    await expect(startEmulator({ redis: { bin, cluster: { masters: 3 } } })).rejects.toThrow(
      /has version 6\.2, which is too old\. Install Redis 7\.0 or later or any Valkey/,
    );
    rmSync(folder, { recursive: true });
  });
});
