import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { AzureCluster, type ClusterClient } from "../support/azure-cluster.js";
import {
  avoidable,
  codesOf,
  connected,
  countedMessages,
  everyListExists,
  FAILOVER_CLIENTS,
  hears,
  LONG,
  listsOn,
  PER_SECOND,
  readAll,
  subscribe,
  UNATTACHED,
} from "../support/failovers.js";
import { NumberedWrites } from "../support/numbered-writes.js";
import { record } from "../support/record.js";

const WRONG_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";

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

  test.each(FAILOVER_CLIENTS.map(([name]) => name))(
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
      if (name !== UNATTACHED) expect(avoidable(failed)).toEqual([]);
    },
  );

  test.each(FAILOVER_CLIENTS.map(([name]) => name))("%s: subscriptions came along", async (name) => {
    await hears(clients.find((client) => client.name === name)!, heard, "{0}");
  });

  test("nobody was evicted", () => {
    expect(cache.evictions()).toBe(0);
  });

  test(
    "a successor that cannot be reached keeps nobody from finding the others",
    async () => {
      const attached = clients.filter(({ name }) => name !== UNATTACHED);
      const [away, other] = await Promise.all([listsOn(cache, 3), listsOn(cache, 4)]);
      // The replica of node 3 is node 0, that of node 4 is node 1.
      await cache.azure.redis.useCertificate(0, ["wrong.example.com"]);
      await cache.azure.redis.failover({ node: 3 });
      const readingAway = attached.map((client) => readAll(client, away));
      await vi.waitFor(
        () => {
          for (const client of attached)
            expect([client.name, codesOf(client)]).toEqual([
              client.name,
              expect.arrayContaining([WRONG_NAME]),
            ]);
        },
        { timeout: 10_000 },
      );
      await cache.azure.redis.failover({ node: 4 });
      await Promise.all(attached.map((client) => readAll(client, other)));
      await cache.azure.redis.useCertificate(0, null);
      await Promise.all(readingAway);
    },
    LONG,
  );
});
