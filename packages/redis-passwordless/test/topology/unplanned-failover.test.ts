import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { AzureCluster, CLUSTER_CLIENTS, type ClusterClient } from "../support/azure-cluster.js";
import {
  avoidable,
  confirmedByReplica,
  connected,
  everyListExists,
  expectNoOtherLoss,
  FAILOVER_CLIENTS,
  firstAfter,
  hears,
  LONG,
  listsOn,
  PER_SECOND,
  type Promotion,
  readAll,
  subscribe,
  UNATTACHED,
} from "../support/failovers.js";
import { LISTS, NumberedWrites } from "../support/numbered-writes.js";

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
    const confirming = confirmedByReplica(cache.azure.redis.nodes[node]!.backendUrl, `marker${tag}`, writes);
    await cache.rotations(1);
    await cache.azure.redis.failover({ node, kind: "unplanned" });
    confirmed = await confirming;
    const promoted = cache.azure.events.find(
      (event) => event.type === "failover" && event.phase === "promoted",
    );
    promotedAtMs = promoted!.atMs;
    await vi.waitFor(
      () => expect(writes.map((write) => firstAfter(promotion(), write)).includes(undefined)).toBe(false),
      {
        timeout: LONG,
      },
    );
    await Promise.all(writes.map((write) => write.stop()));
  }, LONG);
  afterAll(() => cache.close());

  function promotion(): Promotion {
    return { lists, atMs: promotedAtMs };
  }

  test.each(FAILOVER_CLIENTS.map(([name]) => name))("%s: nothing lost that the replica had", async (name) => {
    const index = writes.findIndex(({ client }) => client.name === name);
    const title = `unplanned failover ${name}`;
    const { failed } = await expectNoOtherLoss(title, promotion(), writes[index]!, confirmed[index]!);
    if (name !== UNATTACHED) expect(avoidable(failed)).toEqual([]);
  });

  test.each(FAILOVER_CLIENTS.map(([name]) => name))("%s: subscriptions came along", async (name) => {
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

  test(
    "a client that starts while a master is gone connects once another has its place",
    async () => {
      const started = cache.azure.waitFor("failover", (event) => event.phase === "started");
      const over = cache.azure.redis.failover({ node: 2, kind: "unplanned" });
      await started;
      const { nodes } = cache.azure.redis;
      await vi.waitFor(() => expect(nodes[2]!.isRunning).toBe(false), { interval: 5, timeout: 10_000 });
      const late = CLUSTER_CLIENTS.map(([, make]) => make(cache));
      await Promise.all(late.map((client) => client.connect()));
      await Promise.all(
        late.map((client) =>
          readAll(
            client,
            Array.from({ length: LISTS }, (_, list) => list),
          ),
        ),
      );
      await over;
    },
    LONG,
  );
});
