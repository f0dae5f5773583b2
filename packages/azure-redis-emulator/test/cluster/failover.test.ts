import { once } from "node:events";
import { connect as connectPlain, createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, type EmulatorEvent, type RedisNode, startEmulator } from "../../src/index.js";
import { address, logIn, OK, onServer, shardsSeenBy } from "../support/cluster.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

function phases(events: readonly EmulatorEvent[]): string[] {
  return events.flatMap((event) => (event.type === "failover" ? [`${event.phase} ${event.node}`] : []));
}

describe('a cluster with replicas that announces "ip"', () => {
  let azure: Emulator;
  let nodes: readonly RedisNode[];
  beforeAll(async () => {
    azure = await startEmulator({ redis: { cluster: { masters: 3, replicas: 1, announce: "ip" } } });
    ({ nodes } = azure.redis);
  });
  afterAll(() => azure.close());

  test("has its masters first, then the replica of each, all behind gateways", async () => {
    expect(nodes.map(({ role }) => role)).toEqual([
      "master",
      "master",
      "master",
      "replica",
      "replica",
      "replica",
    ]);
    expect(nodes.every(({ isRunning }) => isRunning)).toBe(true);
    expect(nodes.map(address)).toEqual(nodes.map(({ port }) => `127.0.0.1:${port}`));
    const shards = [0, 1, 2].map((master) => [address(nodes[master]!), address(nodes[master + 3]!)]);
    for (const node of nodes) expect(await shardsSeenBy(azure, node)).toEqual(shards);
  });

  test("lets a client read from a replica, and only after READONLY", async () => {
    const writer = await logIn(azure, nodes[2]!);
    expect(await writer.call("SET", "foo", "1")).toBe(OK);
    expect(await writer.call("WAIT", "1", "0")).toBe(":1\r\n");
    const reader = await logIn(azure, nodes[5]!);
    expect(await reader.call("GET", "foo")).toBe(`-MOVED 12182 ${address(nodes[2]!)}\r\n`);
    expect(await reader.call("READONLY")).toBe(OK);
    expect(await reader.call("GET", "foo")).toBe("$1\r\n1\r\n");
    for (const client of [writer, reader]) client.close();
  });

  test("loses no acknowledged write in a planned failover, and sends clients to a new address", async () => {
    const since = azure.events.length;
    const [from, to] = [nodes[0]!, nodes[3]!];
    const elsewhere = await logIn(azure, nodes[1]!);
    const acknowledged: string[] = [];
    const refusals = new Set<string>();
    const write = async (writer: number): Promise<void> => {
      const client = await logIn(azure, from);
      for (let count = 0; ; count++) {
        const key = `{bar}:${writer}:${count}`;
        const reply = await client.call("SET", key, key).catch(() => "");
        if (reply === "") return;
        if (reply === OK) acknowledged.push(key);
        else refusals.add(reply);
      }
    };
    const writers = [0, 1, 2, 3].map(write);
    await expect.poll(() => acknowledged.length).toBeGreaterThan(100);

    expect(await azure.redis.failover()).toEqual({ from, to });
    // The connections to the old master are closed, and only those.
    await Promise.all(writers);
    expect(await elsewhere.call("PING")).toBe("+PONG\r\n");
    elsewhere.close();

    expect([from.role, to.role]).toEqual(["replica", "master"]);
    expect([address(from), address(to)]).toEqual([`127.0.0.1:${from.port}`, `127.0.0.2:${to.port}`]);
    expect([...refusals].every((reply) => reply === `-MOVED 5061 ${address(to)}\r\n`)).toBe(true);
    const reader = await logIn(azure, to);
    const reply = await reader.call("EXISTS", ...acknowledged);
    expect(reply).toBe(`:${acknowledged.length}\r\n`);
    reader.close();
    for (const node of nodes)
      expect((await shardsSeenBy(azure, node))[0]).toEqual([address(to), address(from)]);
    expect(phases(azure.events.slice(since))).toEqual(["started 0", "promoted 3", "ended 3"]);
  });

  test("a client that takes the new address as it is gets there, and fails by the certificate only", async () => {
    const { host, port } = nodes[3]!.announced;
    const naive = connectTls({ host, port, ca: azure.caCertificate });
    const [error] = (await once(naive, "error")) as [Error];
    expect(error.message).toContain("IP: 127.0.0.2 is not in the cert's list");
    const mapped = connectTls({ host, port, ca: azure.caCertificate, servername: "localhost" });
    await once(mapped, "secureConnect");
    mapped.write("PING\r\n");
    expect(String(await once(mapped, "data"))).toContain("NOAUTH");
    mapped.destroy();
  });

  test("names addresses in ASK, too", async () => {
    const [source, target] = [nodes[2]!, nodes[3]!];
    const [sourceId, targetId] = await Promise.all(
      [source, target].map(async (node) => String(await onServer(node, "CLUSTER", "MYID"))),
    );
    await onServer(target, "CLUSTER", "SETSLOT", "12182", "IMPORTING", sourceId!);
    await onServer(source, "CLUSTER", "SETSLOT", "12182", "MIGRATING", targetId!);
    const client = await logIn(azure, source);
    expect(await client.call("GET", "{foo}:not-there")).toBe(`-ASK 12182 127.0.0.2:${target.port}\r\n`);
    client.close();
    for (const node of [source, target]) await onServer(node, "CLUSTER", "SETSLOT", "12182", "STABLE");
  });

  test("elects the replica of a master that is killed, where every identity can log in", async () => {
    const since = azure.events.length;
    const [from, to] = [nodes[1]!, nodes[4]!];
    const { objectId } = azure.addManagedIdentity({ kind: "user", accessPolicy: "Data Reader" });
    const victim = await logIn(azure, from);
    const failover = azure.redis.failover({ node: 1, kind: "unplanned" });
    await victim.closed;
    expect(await failover).toEqual({ from, to });
    expect(from).toMatchObject({ isRunning: false, role: "replica" });
    expect(to).toMatchObject({ isRunning: true, role: "master" });
    expect(address(to)).toBe(`127.0.0.3:${to.port}`);
    await expect(RawClient.connect({ port: from.port, ca: azure.caCertificate })).rejects.toThrow(
      "ECONNREFUSED",
    );
    const reader = await logIn(azure, to, objectId);
    expect(await reader.call("SET", "c", "1")).toMatch(/^-NOPERM /);
    reader.close();
    const writer = await logIn(azure, to);
    expect(await writer.call("ACL", "WHOAMI")).toContain(azure.userIdentity.objectId);
    expect(await writer.call("SET", "c", "1")).toBe(OK);
    writer.close();
    expect((await shardsSeenBy(azure, nodes[5]!)).map(([master]) => master)).toContain(address(to));
    expect(phases(azure.events.slice(since))).toEqual(["started 1", "promoted 4", "ended 4"]);
  });

  test("revives a killed node as a replica, with the identities as they are by then", async () => {
    const node = nodes[1]!;
    const added = azure.addManagedIdentity({ kind: "user", accessPolicy: "Data Reader" });
    const revoked = azure.addManagedIdentity({ kind: "user" });
    await azure.revoke(revoked.objectId);
    await azure.revoke(azure.servicePrincipal.objectId);
    await azure.redis.revive(1);
    expect(node).toMatchObject({ isRunning: true, role: "replica" });
    const client = await logIn(azure, node, added.objectId);
    expect(await client.call("SET", "c", "1")).toMatch(/^-NOPERM /);
    expect(await client.call("READONLY")).toBe(OK);
    expect(await client.call("GET", "c")).toBe("$1\r\n1\r\n");
    client.close();
    const users = await onServer(node, "ACL", "USERS");
    expect(users).toContain(azure.userIdentity.objectId);
    expect(users).not.toContain(revoked.objectId);
    expect(users).not.toContain(azure.servicePrincipal.objectId);
    await azure.assign(azure.servicePrincipal.objectId, "Data Owner");
    expect(await onServer(node, "ACL", "USERS")).toContain(azure.servicePrincipal.objectId);
    await expect(azure.redis.revive(1)).rejects.toThrow("Node 1 runs");
  });

  test("a restart, and failovers that are asked for meanwhile, come one after the other", async () => {
    const keys = await onServer(nodes[3]!, "DBSIZE");
    const [, first, second] = await Promise.all([
      azure.redis.restart(),
      azure.redis.failover({ node: 3, newAddress: false }),
      azure.redis.failover({ node: 4 }),
    ]);
    expect([first, second].map(({ from, to }) => [nodes.indexOf(from), nodes.indexOf(to)])).toEqual([
      [3, 0],
      [4, 1],
    ]);
    expect(nodes.map(({ announced }) => announced.host)).toEqual([
      "127.0.0.1",
      "127.0.0.4",
      "127.0.0.1",
      "127.0.0.2",
      "127.0.0.3",
      "127.0.0.1",
    ]);
    expect(await onServer(nodes[0]!, "DBSIZE")).toBe(keys);
    for (const node of nodes) {
      expect((await shardsSeenBy(azure, node)).map(([master]) => master)).toEqual(
        [0, 1, 2].map((index) => address(nodes[index]!)),
      );
    }
  });

  test("notices a failover that was ordered past it", async () => {
    await onServer(nodes[3]!, "CLUSTER", "FAILOVER");
    await expect
      .poll(async () => String(await onServer(nodes[3]!, "ROLE")), { timeout: 10_000 })
      .toMatch(/^master/);
    await azure.redis.restart();
    expect([nodes[0]!.role, nodes[3]!.role]).toEqual(["replica", "master"]);
    expect(await azure.redis.failover({ node: 3 })).toEqual({ from: nodes[3], to: nodes[0] });
  });

  test("is on nobody's side on its ports for TLS but its replicas': without TLS everybody else is cut off", async () => {
    for (const greeting of [
      "AUTH default guess\r\n",
      "*1\r\n$4\r\nINFO\r\n",
      "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$5\r\nguess\r\n",
    ]) {
      const stranger = connectPlain({ host: "127.0.0.1", port: nodes[0]!.port });
      const received: Buffer[] = [];
      stranger.on("data", (chunk: Buffer) => received.push(chunk));
      stranger.write(greeting);
      await once(stranger, "close");
      expect(Buffer.concat(received).toString()).toBe("");
    }
  });

  test("lets a client go that connects and says nothing", async () => {
    const { port } = nodes[0]!;
    for (const greeting of ["", "*1\r\n"]) {
      const probe = connectPlain({ host: "127.0.0.1", port });
      probe.end(greeting).resume();
      await once(probe, "close");
    }
  });

  test("shows another certificate where it is told to, to new connections", async () => {
    const open = await logIn(azure, nodes[2]!);
    await azure.redis.useCertificate(2, ["other.example", "*.other.example"]);
    await expect(connectRedis(azure, azure.userIdentity, undefined, nodes[2]!.port)).rejects.toThrow(
      "localhost. is not in the cert's altnames: DNS:other.example, DNS:*.other.example",
    );
    (await connectRedis(azure, azure.userIdentity, undefined, nodes[0]!.port)).destroy();
    expect(await open.call("PING")).toBe("+PONG\r\n");
    open.close();
    await azure.redis.useCertificate(2, null);
    (await connectRedis(azure, azure.userIdentity, undefined, nodes[2]!.port)).destroy();
  });

  test("announces the maintenance of a node to subscribers of all nodes, once each", async () => {
    const received = new Map<number, string[]>();
    const subscribers = await Promise.all(
      [2, 5].map(async (node) => {
        const client = await connectRedis(azure, azure.userIdentity, undefined, nodes[node]!.port);
        await client.subscribe("AzureRedisEvents", (message) => {
          received.set(node, [...(received.get(node) ?? []), message]);
        });
        return client;
      }),
    );
    const { port } = nodes[1]!;
    const host = nodes[1]!.announced.host;
    await azure.redis.failover({ node: 1, newAddress: false, announceMaintenance: true });
    await expect.poll(() => [2, 5].map((node) => received.get(node)?.length)).toEqual([4, 4]);
    for (const messages of received.values()) {
      expect(messages.map((message) => message.split("|").slice(0, 6))).toEqual([
        [
          "NotificationType",
          "NodeMaintenanceStarting",
          "StartTimeInUTC",
          expect.stringMatching(/^[-\dT:]{19}$/),
          "IsReplica",
          "False",
        ],
        ["NotificationType", "NodeMaintenanceStart", "StartTimeInUTC", "", "IsReplica", "False"],
        ["NotificationType", "NodeMaintenanceFailoverComplete", "StartTimeInUTC", "", "IsReplica", "False"],
        [
          "NotificationType",
          "NodeMaintenanceEnded",
          "StartTimeInUTC",
          expect.any(String),
          "IsReplica",
          "True",
        ],
      ]);
      expect(messages[0]).toContain(`|IPAddress|${host}|SSLPort|${port}|NonSSLPort|`);
    }
    for (const client of subscribers) client.destroy();
  });

  test("says so where the gateway cannot listen on a new address, and changes nothing", async () => {
    const { port } = nodes[3]!;
    const before = nodes.map(address);
    const squatter = createServer().listen(port, "127.0.0.6");
    await once(squatter, "listening");
    await expect(azure.redis.failover({ node: 0 })).rejects.toThrow(
      /^The gateway of node 3 cannot listen on 127\.0\.0\.6\. .* on macOS add the address/,
    );
    expect(nodes.map(address)).toEqual(before);
    expect(nodes[0]!.role).toBe("master");
    squatter.close();
  });

  test.each<[object, string]>([
    [{ kind: "graceful" }, '"kind" must be "planned" or "unplanned"; got "graceful".'],
    [{ node: 3 }, '"node" must be the index of a master: 0, 2, 4; got 3.'],
    [{ node: 17 }, '"node" must be the index of a master: 0, 2, 4; got 17.'],
  ])("refuses the failover %j", async (options, message) => {
    await expect(azure.redis.failover(options)).rejects.toThrow(message);
  });

  test("refuses a failover where no replica is left, and to revive or certify what it does not have", async () => {
    await azure.redis.failover({ node: 2, kind: "unplanned" });
    await expect(azure.redis.failover({ node: 5 })).rejects.toThrow("Node 5 has no replica that runs.");
    await expect(azure.redis.revive(6)).rejects.toThrow('"node" must be an index from 0 to 5; got 6.');
    await expect(azure.redis.useCertificate(-1, null)).rejects.toThrow(
      '"node" must be an index from 0 to 5; got -1.',
    );
    for (const names of [[], ["127.0.0.1"], ["a b"]]) {
      await expect(azure.redis.useCertificate(0, names)).rejects.toThrow('"names" must be DNS names');
    }
    await azure.redis.restart();
    expect(nodes.filter(({ isRunning }) => !isRunning)).toEqual([nodes[2]]);
    await azure.redis.revive(2);
    expect(nodes[2]).toMatchObject({ isRunning: true, role: "replica" });
  });
});
