import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ListenAddress } from "../../../src/proxy/listener.js";
import type { InstanceOptions } from "../../../src/proxy/options.js";
import { type RunningProxy, startProxy } from "../../../src/proxy/proxy.js";
import { reachedByEndpoint } from "../../../src/topology/address-map.js";
import { ProxiedCache, RawClient } from "../support.js";
import { freeRange } from "./free-ports.js";

const ANYWHERE: ListenAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
/** So many keys hit every node, and most of them a slot of their own. */
const KEYS = Array.from({ length: 60 }, (_, number) => `key:${number}`);

let cache: ProxiedCache;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-passwordless-"));
  cache = await ProxiedCache.start({ redis: { cluster: { masters: 3, announce: "ip" } } });
}, 60_000);
afterAll(async () => {
  await cache[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function options(more: Partial<InstanceOptions> = {}): InstanceOptions {
  const { host, port } = cache.azure.redis;
  return {
    name: "cluster",
    server: { host, port, isEncrypted: true },
    identity: cache.identity,
    secureContext: createSecureContext({ ca: cache.azure.caCertificate }),
    addressMap: reachedByEndpoint(host),
    listen: [ANYWHERE],
    ...more,
  };
}

async function proxyWith(more: Partial<InstanceOptions> = {}): Promise<RunningProxy> {
  const proxy = await startProxy({ instances: [options(more)] });
  onTestFinished(() => proxy.close());
  return proxy;
}

/** Connects to `host:port`, to the path of a socket, or to a local port. */
async function clientOf(where: string | number): Promise<RawClient> {
  const [host, port] = typeof where === "number" ? ["127.0.0.1", where] : where.split(":");
  const socket =
    port === undefined ? connect({ path: String(where) }) : connect({ host, port: Number(port) });
  await once(socket, "connect");
  onTestFinished(() => void socket.destroy());
  return new RawClient(socket);
}

function entrance(proxy: RunningProxy): string {
  return proxy.status().instances[0]!.listening[0]!;
}

/** What one command is answered. */
async function answer(where: string | number, command: string): Promise<string> {
  const client = await clientOf(where);
  const [reply = ""] = await client.write(command).read(1);
  client.socket.destroy();
  return reply;
}

function portsIn(slots: string): number[] {
  return [...slots.matchAll(/\$9\r\n127\.0\.0\.1\r\n:(\d+)\r\n/g)].map(([, port]) => Number(port));
}

async function nodePorts(proxy: RunningProxy): Promise<number[]> {
  return portsIn(await answer(entrance(proxy), "CLUSTER SLOTS")).sort((one, other) => one - other);
}

describe("the nodes of a cluster", () => {
  test("are at ports of the range, which the status tells", async () => {
    const first = await freeRange(5);
    const proxy = await proxyWith({ nodePorts: { first, last: first + 4 } });
    expect(proxy.status().instances[0]?.nodes).toEqual([]);
    expect(await nodePorts(proxy)).toEqual([first, first + 1, first + 2]);
    expect(proxy.status().instances[0]?.nodes).toEqual(
      expect.arrayContaining(
        cache.azure.redis.nodes.map(({ port }) => ({
          endpoint: `localhost:${port}`,
          port: expect.any(Number),
        })),
      ),
    );
  });

  test("answer redirected commands, in order, however many come at once", async () => {
    const proxy = await proxyWith();
    const client = await clientOf(entrance(proxy));
    const replies = await client.write(...KEYS.map((key) => `SET ${key} ${key}`)).read(KEYS.length);
    const moved = replies.filter((reply) => reply.startsWith("-MOVED"));
    expect(moved.length).toBeGreaterThan(KEYS.length / 3);
    for (const [index, reply] of replies.entries()) {
      const [, port] = /^-MOVED \d+ 127\.0\.0\.1:(\d+)\r\n$/.exec(reply) ?? [];
      if (port === undefined) expect(reply).toBe("+OK\r\n");
      else expect(await answer(Number(port), `SET ${KEYS[index]} x`)).toBe("+OK\r\n");
    }
  });

  test("are named where a transaction is refused", async () => {
    const proxy = await proxyWith();
    const client = await clientOf(entrance(proxy));
    client.write(
      "HELLO 3",
      "MULTI",
      ...KEYS.map((key) => `GET ${key}`),
      "CLUSTER SLOTS",
      "EXEC",
      "CLUSTER SLOTS",
    );
    const replies = await client.read(KEYS.length + 5);
    expect(replies.filter((reply) => /^-MOVED \d+ 127\.0\.0\.1:\d+\r\n$/.test(reply)).length).toBeGreaterThan(
      0,
    );
    expect(replies.at(-3)).toBe("+QUEUED\r\n");
    expect(replies.at(-2)).toMatch(/^-EXECABORT/);
    const told = new Set(proxy.status().instances[0]?.nodes?.map(({ port }) => port));
    expect(new Set(portsIn(replies.at(-1)!))).toEqual(told);
  });

  test("let nobody in without the password", async () => {
    const proxy = await proxyWith({ clientPassword: "open sesame" });
    const client = await clientOf(entrance(proxy));
    client.socket.write("*2\r\n$4\r\nAUTH\r\n$11\r\nopen sesame\r\n");
    const replies = await client.write("CLUSTER SLOTS").read(2);
    const [port = 0] = portsIn(replies[1]!);
    expect(await answer(port, "PING")).toMatch(/^-NOAUTH/);
  });

  test("keep their ports when the configuration is read again", async () => {
    const proxy = await proxyWith();
    const ports = await nodePorts(proxy);
    const inside = await clientOf(ports[0]!);
    expect(await inside.write("PING").read(1)).toEqual(["+PONG\r\n"]);
    await proxy.reload({ instances: [options({ maxClients: 9 })] });
    for (const port of ports) expect(await answer(port, "PING")).toBe("+PONG\r\n");
    expect(await nodePorts(proxy)).toEqual(ports);
    expect(await inside.write("PING").read(2)).toEqual(["+PONG\r\n", "+PONG\r\n"]);
    expect(proxy.status().instances[0]).toMatchObject({ maxClients: 9, counters: { clientsOverLimit: 0 } });
  });

  test("have no door once the proxy drains, and those inside still learn where they are", async () => {
    const proxy = await proxyWith();
    const ports = await nodePorts(proxy);
    const inside = await clientOf(entrance(proxy));
    expect(await inside.write("PING").read(1)).toEqual(["+PONG\r\n"]);
    const drained = proxy.drain({ maxMs: 60_000 });
    await expect.poll(() => isRefused(ports[0]!)).toBe(true);
    expect(new Set(portsIn((await inside.write("CLUSTER SLOTS").read(2))[1]!))).toEqual(new Set(ports));
    inside.socket.end();
    await drained;
  });
});

describe("where nodes cannot be offered, clients read why", () => {
  test("a range that is too small", async () => {
    const first = await freeRange(2);
    const proxy = await proxyWith({ nodePorts: { first, last: first + 1 } });
    expect(await answer(entrance(proxy), "CLUSTER SLOTS")).toMatch(
      /^-ERR_PASSWORDLESS_INVALID_OPTION .*--node-ports.*\r\n$/,
    );
  });

  test("a Unix socket alone, unless ports are asked for", async () => {
    const listen: ListenAddress[] = [{ kind: "unix", path: join(folder, "redis.sock"), mode: 0o600 }];
    const first = await freeRange(3);
    const closed = await proxyWith({ listen });
    expect(await answer(entrance(closed), "CLUSTER NODES")).toMatch(
      /^-ERR_PASSWORDLESS_INVALID_OPTION .*--single-endpoint/,
    );
    await closed.close();
    const open = await proxyWith({ listen, nodePorts: { first, last: first + 2 } });
    expect(await nodePorts(open)).toEqual([first, first + 1, first + 2]);
  });
});

async function isRefused(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port });
  return once(socket, "connect").then(
    () => {
      socket.destroy();
      return false;
    },
    () => true,
  );
}
