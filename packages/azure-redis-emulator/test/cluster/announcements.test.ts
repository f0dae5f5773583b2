import { createCluster } from "redis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { address, logIn, onServer, shardsSeenBy } from "../support/cluster.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

describe('a cluster that announces "unreachableIp"', () => {
  let azure: Emulator;
  beforeAll(async () => {
    azure = await startEmulator({ redis: { cluster: { replicas: 1, announce: "unreachableIp" } } });
  });
  afterAll(() => azure.close());

  test("sends clients to addresses of TEST-NET-1, and to further ones after failovers", async () => {
    const { nodes } = azure.redis;
    expect(nodes.map(address)).toEqual(nodes.map(({ port }) => `192.0.2.1:${port}`));
    expect((await shardsSeenBy(azure, nodes[0]!)).map(([master]) => master)).toEqual(
      nodes.slice(0, 3).map(address),
    );
    await azure.redis.failover({ node: 2 });
    const client = await logIn(azure, nodes[0]!);
    expect(await client.call("GET", "foo")).toBe(`-MOVED 12182 192.0.2.2:${nodes[5]!.port}\r\n`);
    // The port that is announced is open under the name of the endpoint.
    (await logIn(azure, nodes[5]!)).close();
    client.close();
  });

  test("lets a cluster client go on that maps every address to the endpoint's name", async () => {
    const { objectId } = azure.userIdentity;
    const cluster = createCluster({
      rootNodes: [{ url: azure.redis.url }],
      defaults: {
        username: objectId,
        password: await azure.issueToken(objectId),
        socket: { tls: true, ca: azure.caCertificate },
      },
      nodeAddressMap: (announced) => ({ host: "localhost", port: Number(announced.split(":").at(-1)) }),
    });
    cluster.on("error", () => undefined);
    cluster.on("node-error", () => undefined);
    await cluster.connect();
    for (const [kind, node] of [
      ["planned", 5],
      ["unplanned", 2],
    ] as const) {
      await cluster.set("foo", kind);
      expect(await onServer(azure.redis.nodes[node]!, "WAIT", "1", "5000")).toBe(1);
      await azure.redis.failover({ kind, node });
      await vi.waitFor(async () => expect(await cluster.get("foo")).toBe(kind), { timeout: 20_000 });
    }
    cluster.destroy();
  });
});

describe("a cluster that announces names", () => {
  test("keeps them in a failover; it can be closed during one, with a node that was killed", async () => {
    const azure = await startEmulator({ redis: { cluster: { replicas: 2 } } });
    const { nodes } = azure.redis;
    await expect(azure.redis.failover({ newAddress: true })).rejects.toThrow(
      '"newAddress" needs nodes that are announced by address',
    );
    const { to } = await azure.redis.failover({ node: 0 });
    expect(nodes.indexOf(to)).toBe(3);
    expect(address(to)).toBe(`localhost:${to.port}`);
    // Each of the other replicas follows it.
    expect((await shardsSeenBy(azure, to))[0]!.sort()).toEqual(
      [to, nodes[0]!, nodes[4]!].map(address).sort(),
    );
    const started = azure.waitFor("failover", ({ node }) => node === 1);
    const failover = azure.redis.failover({ node: 1, kind: "unplanned" });
    const failed = expect(failover).rejects.toThrow();
    await started;
    await expect.poll(() => nodes[1]!.isRunning).toBe(false);
    // What waits for its turn finds that it is too late.
    const waiting = [azure.redis.revive(1), azure.redis.failover(), azure.redis.restart()].map((change) =>
      expect(change).rejects.toThrow("The Redis cluster is closed."),
    );
    await azure.close();
    await Promise.all([failed, ...waiting]);
    for (const { port } of nodes) await expect(RawClient.connect({ port })).rejects.toThrow("ECONNREFUSED");
    await expect(azure.redis.publishMaintenance({ type: "NodeMaintenanceStart" })).rejects.toThrow(
      "No master runs",
    );
  });
});

describe("one server", () => {
  test("has no failovers, but a role, an address, certificates and maintenance", async () => {
    await using azure = await startEmulator();
    const { redis } = azure;
    await expect(redis.failover()).rejects.toThrow("There is no cluster");
    await expect(redis.revive(0)).rejects.toThrow("There is no cluster");
    expect(redis.nodes).toMatchObject([
      { role: "master", isRunning: true, announced: { host: "localhost", port: redis.port } },
    ]);
    await redis.useCertificate(0, ["other.example"]);
    await expect(connectRedis(azure, azure.userIdentity)).rejects.toThrow("other.example");
    await redis.useCertificate(0, null);
    const subscriber = await connectRedis(azure, azure.userIdentity);
    const message = new Promise((resolve) => {
      void subscriber.subscribe("AzureRedisEvents", resolve).then(() =>
        redis.publishMaintenance({
          type: "NodeMaintenanceScheduled",
          startTimeUtc: new Date("2026-11-21T09:00:00Z"),
        }),
      );
    });
    expect(await message).toBe(
      "NotificationType|NodeMaintenanceScheduled|StartTimeInUTC|2026-11-21T09:00:00|IsReplica|False|" +
        `IPAddress|127.0.0.1|SSLPort|${redis.port}|NonSSLPort|${redis.plaintextPort}`,
    );
    subscriber.destroy();
    const lunch = { type: "Lunch" as "NodeMaintenanceEnded" };
    await expect(redis.publishMaintenance(lunch)).rejects.toThrow(
      '"type" must be one of NodeMaintenanceScheduled,',
    );
    await expect(redis.publishMaintenance({ type: "NodeMaintenanceEnded", node: 1 })).rejects.toThrow(
      '"node" must be 0, there is only one node; got 1.',
    );
  });
});
