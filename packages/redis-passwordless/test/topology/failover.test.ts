import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  AzureCluster,
  CLUSTER_CLIENTS,
  type ClusterClient,
  type MakeClient,
} from "../support/azure-cluster.js";
import { TOKEN_LIFETIME_MS } from "../support/cache.js";
import { LISTS, NumberedWrites } from "../support/numbered-writes.js";
import { record } from "../support/record.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 60_000;

const PER_SECOND = 100;

/** The options of `azureRedisCluster()` without `attach`: node-redis rejects what waits for a node that is replaced. */
const UNATTACHED = "node-redis 6, not attached";

const CLIENTS: readonly (readonly [string, MakeClient])[] = [
  ...CLUSTER_CLIENTS,
  [
    UNATTACHED,
    (cache) => {
      const [, make] = CLUSTER_CLIENTS[0]!;
      return { ...make(cache, { isAttached: false }), name: UNATTACHED };
    },
  ],
];

describe("three planned failovers under load, each to an address that was unknown before", () => {
  let cache: AzureCluster;
  let clients: ClusterClient[];
  const heard = new Map<string, string[]>();
  let writes: NumberedWrites[];
  beforeAll(async () => {
    cache = await AzureCluster.start({ masters: 3, replicas: 1, announce: "ip" });
    clients = await connected(cache);
    writes = clients.map((client) => new NumberedWrites(client, PER_SECOND));
    await Promise.all(writes.map((write) => everyListExists(write)));
    await Promise.all(clients.map((client) => subscribe(client, heard, "{0}")));
    for (const node of [0, 1, 2]) {
      await cache.azure.redis.failover({ node });
      await cache.rotations(1);
    }
    await Promise.all(writes.map((write) => write.stop()));
  }, LONG);
  afterAll(() => cache.close());

  test.each(CLIENTS.map(([name]) => name))(
    "%s: no acknowledged write lost, none applied twice",
    async (name) => {
      const write = writes.find(({ client }) => client.name === name)!;
      const { lost, twice } = await write.examine();
      const failed = countedMessages(write);
      record(`planned failovers ${name}`, {
        acknowledged: write.acknowledged.length,
        failed,
        lost: lost.length,
        twice,
      });
      expect([lost, twice]).toEqual([[], 0]);
      if (name !== UNATTACHED) expect(failed).toEqual({});
    },
  );

  test.each(CLIENTS.map(([name]) => name))("%s: subscriptions came along", async (name) => {
    await hears(clients.find((client) => client.name === name)!, heard, "{0}");
  });

  test("nobody was evicted", () => {
    expect(cache.evictions()).toBe(0);
  });
});

describe("a master that is killed under load, behind addresses that nobody can reach", () => {
  const node = 1;
  let cache: AzureCluster;
  let clients: ClusterClient[];
  let writes: NumberedWrites[];
  const heard = new Map<string, string[]>();
  /** The lists on the node that is killed. */
  let lists: Set<number>;
  /** How many acknowledged writes of each client the replica had for certain. */
  let confirmed: number[];
  let promotedAtMs = 0;
  beforeAll(async () => {
    cache = await AzureCluster.start({ masters: 3, replicas: 1, announce: "unreachableIp" });
    clients = await connected(cache);
    writes = clients.map((client) => new NumberedWrites(client, PER_SECOND));
    await Promise.all(writes.map((write) => everyListExists(write)));
    lists = await listsOn(cache, node);
    const tag = `{${[...lists][0]}}`;
    await Promise.all(clients.map((client) => subscribe(client, heard, tag)));
    const confirming = confirmedByReplica(cache, node, tag, writes);
    await cache.rotations(1);
    await cache.azure.redis.failover({ node, kind: "unplanned" });
    confirmed = await confirming;
    const promoted = cache.azure.events.find(
      (event) => event.type === "failover" && event.phase === "promoted",
    );
    promotedAtMs = promoted!.atMs;
    await vi.waitFor(
      () => expect(writes.map((write) => firstOnLostSlots(write)).includes(undefined)).toBe(false),
      {
        timeout: LONG,
      },
    );
    await Promise.all(writes.map((write) => write.stop()));
  }, LONG);
  afterAll(() => cache.close());

  function firstOnLostSlots({ acknowledged }: NumberedWrites): number | undefined {
    return acknowledged.find(({ list, atMs }) => lists.has(list) && atMs >= promotedAtMs)?.atMs;
  }

  test.each(CLIENTS.map(([name]) => name))("%s: nothing lost that the replica had", async (name) => {
    const index = writes.findIndex(({ client }) => client.name === name);
    const write = writes[index]!;
    const { lost, twice } = await write.examine();
    const failed = countedMessages(write);
    record(`unplanned failover ${name}`, {
      backAfterMs: firstOnLostSlots(write)! - promotedAtMs,
      acknowledged: write.acknowledged.length,
      confirmed: confirmed[index],
      failed,
      lost: lost.length,
      twice,
    });
    expect(confirmed[index]).toBeGreaterThan(0);
    // What the replica did not have yet is lost by Redis itself, which replicates asynchronously.
    expect(lost.filter((write_) => write.acknowledged.indexOf(write_) < confirmed[index]!)).toEqual([]);
    expect(lost.filter(({ list }) => !lists.has(list))).toEqual([]);
    // node-redis rejects what was on its way when the connection broke; whether it was carried out, nobody knows.
    if (name !== UNATTACHED)
      expect(Object.keys(failed).filter((reason) => !/socket closed/i.test(reason))).toEqual([]);
  });

  test.each(CLIENTS.map(([name]) => name))("%s: subscriptions came along", async (name) => {
    await hears(clients.find((client) => client.name === name)!, heard, `{${[...lists][0]}}`);
  });

  test(
    "once the node is back everything works, also after the next rotation",
    async () => {
      await cache.azure.redis.revive(node);
      const loads = clients.map(
        (client) => new NumberedWrites({ ...client, name: `${client.name} again` }, PER_SECOND),
      );
      await cache.rotations(2);
      await Promise.all(loads.map((load) => load.stop()));
      expect(loads.map((load) => [load.client.name, load.failed])).toEqual(
        loads.map((load) => [load.client.name, []]),
      );
      expect(loads.map((load) => load.acknowledged.length).includes(0)).toBe(false);
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );
});

async function connected(cache: AzureCluster): Promise<ClusterClient[]> {
  const clients = CLIENTS.map(([, make]) => make(cache));
  await Promise.all(clients.map((client) => client.connect()));
  return clients;
}

async function everyListExists(write: NumberedWrites): Promise<void> {
  await vi.waitFor(() => expect(write.acknowledged.length).toBeGreaterThan(LISTS), { timeout: LONG });
}

/** The numbers of the lists that are on a node. */
async function listsOn(cache: AzureCluster, node: number): Promise<Set<number>> {
  const keys = await cache.onServer<string[]>(node, "KEYS", "*:{*}");
  return new Set(keys.map((key) => Number(/\{(\d+)\}/.exec(key)?.[1])));
}

async function subscribe(client: ClusterClient, heard: Map<string, string[]>, tag: string): Promise<void> {
  const messages: string[] = [];
  heard.set(client.name, messages);
  await client.subscribe(`news ${client.name}`, (message) => messages.push(message));
  await client.sharded?.subscribe(`${tag} ${client.name}`, (message) => messages.push(message));
}

/** Publishes until it is heard: what is published while nobody listens, Redis drops. */
async function hears(client: ClusterClient, heard: Map<string, string[]>, tag: string): Promise<void> {
  const messages = heard.get(client.name)!;
  await vi.waitFor(
    async () => {
      await client.publish(`news ${client.name}`, "to all");
      expect(messages).toContain("to all");
    },
    { timeout: 10_000 },
  );
  if (client.sharded === undefined) return;
  await vi.waitFor(
    async () => {
      await client.sharded!.publish(`${tag} ${client.name}`, "sharded");
      expect(messages).toContain("sharded");
    },
    { timeout: 10_000 },
  );
}

/** Until the master is gone: how many of the writes that it had acknowledged its replica has, for each client. */
async function confirmedByReplica(
  cache: AzureCluster,
  node: number,
  tag: string,
  writes: readonly NumberedWrites[],
): Promise<number[]> {
  const { backendUrl } = cache.azure.redis.nodes[node]!;
  const server = createClient({ url: backendUrl, socket: { reconnectStrategy: false } });
  server.on("error", () => {});
  await server.connect();
  let confirmed = writes.map(() => 0);
  try {
    for (;;) {
      const acknowledged = writes.map((write) => write.acknowledged.length);
      await server.set(`marker${tag}`, "1");
      // All that was written before the marker is there when the marker is.
      await server.wait(1, 0);
      confirmed = acknowledged;
    }
  } catch {
    return confirmed;
  }
}

function countedMessages({ failed }: NumberedWrites): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { error } of failed) counts[error.message] = (counts[error.message] ?? 0) + 1;
  return counts;
}
