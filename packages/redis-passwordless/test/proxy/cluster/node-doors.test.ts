import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { invalidOption } from "../../../src/core/errors.js";
import { type Door, NodeDoors, type NodeDoorsOptions } from "../../../src/proxy/cluster/node-doors.js";
import { ManualClock } from "../../../src/testing/manual-clock.js";
import {
  type MappedAddress,
  type NodeAddress,
  reachedByEndpoint,
} from "../../../src/topology/address-map.js";
import { listen } from "../../support/listen.js";
import { freeRange } from "./free-ports.js";

const GRACE_MS = 30_000;
const HOST = "127.0.0.1";
const A: NodeAddress = { host: "10.0.0.1", port: 8_500 };
const B: NodeAddress = { host: "10.0.0.1", port: 8_501 };
const C: NodeAddress = { host: "10.0.0.2", port: 8_501 };

/** Doors on real ports that tell whoever comes where they lead. */
class House {
  readonly clock = new ManualClock();
  readonly doors: NodeDoors;
  readonly opened: MappedAddress[] = [];
  /** Waited for before a listener opens. */
  gate: Promise<unknown> = Promise.resolve();

  constructor(options: Partial<NodeDoorsOptions> = {}) {
    this.doors = new NodeDoors({
      clock: this.clock,
      graceMs: GRACE_MS,
      open: (node, port) => this.#open(node, port),
      ...options,
    });
    onTestFinished(() => this.doors.close());
  }

  async #open(node: MappedAddress, port: number): Promise<Door> {
    this.opened.push(node);
    await this.gate;
    const listener = await listen((client) => void client.end(`${node.host}:${node.port}`), port);
    return { port: listener.port ?? 0, close: () => listener.close() };
  }

  async port(node: NodeAddress, isWhole = false): Promise<number> {
    return (await this.doors.portsOf([node], isWhole))(node);
  }

  async ports(...nodes: readonly NodeAddress[]): Promise<number[]> {
    const portOf = await this.doors.portsOf(nodes, true);
    return nodes.map((node) => portOf(node));
  }
}

/** What somebody hears who connects to a local port; `undefined` when nobody listens. */
async function heardAt(port: number): Promise<string | undefined> {
  const socket = connect({ host: HOST, port });
  let heard = "";
  socket.on("data", (bytes) => {
    heard += String(bytes);
  });
  try {
    await once(socket, "end");
    return heard;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

async function occupied(port = 0): Promise<Server> {
  const server = createServer().listen(port, HOST);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" ? (address?.port ?? 0) : 0;
}

describe("a node", () => {
  test("has a door that leads to it before its port is told, and keeps it", async () => {
    const house = new House();
    const [a = 0, b = 0] = await house.ports(A, B);
    expect(await heardAt(a)).toBe("10.0.0.1:8500");
    expect(await heardAt(b)).toBe("10.0.0.1:8501");
    expect(house.doors.portsOf([A, B], true)).not.toBeInstanceOf(Promise);
    expect(await house.ports(B, A)).toEqual([b, a]);
    expect(house.opened).toHaveLength(2);
    expect(house.doors.open).toEqual([
      { node: A, port: a },
      { node: B, port: b },
    ]);
  });

  test("has one door, however many ask for it at once", async () => {
    const house = new House();
    const ports = await Promise.all(Array.from({ length: 20 }, () => house.port(A)));
    expect(new Set(ports).size).toBe(1);
    expect(house.opened).toEqual([A]);
  });

  test("keeps its door under a new address that leads to the same place", async () => {
    const house = new House({ addressMap: reachedByEndpoint("cache.example") });
    const [before] = await house.ports(B);
    expect(await house.ports(C)).toEqual([before]);
    expect(house.opened).toEqual([{ host: "cache.example", port: 8_501 }]);
  });

  test("is the same under the other host that a reply knows it by", async () => {
    const house = new House();
    const port = await house.port(A);
    expect(await house.port({ host: "node.example", port: 8_500 })).not.toBe(port);
    const named = { host: "other.example", port: 8_500, otherHost: A.host };
    expect((await house.doors.portsOf([named], true))(named)).toBe(port);
  });
});

describe("a node that has gone from the topology", () => {
  test("loses its door after the grace", async () => {
    const house = new House();
    const [a = 0, b = 0] = await house.ports(A, B);
    await house.ports(A);
    await house.clock.advance(GRACE_MS - 1);
    expect(await heardAt(b)).toBe("10.0.0.1:8501");
    await house.clock.advance(1);
    await vi.waitFor(async () => expect(await heardAt(b)).toBeUndefined());
    expect(await heardAt(a)).toBe("10.0.0.1:8500");
    expect(house.doors.open).toEqual([{ node: A, port: a }]);
  });

  test.each([
    ["a whole topology", true],
    ["a redirect", false],
  ])("keeps its door when %s mentions it again", async (_, isWhole) => {
    const house = new House();
    const [, b = 0] = await house.ports(A, B);
    await house.ports(A);
    await house.clock.advance(GRACE_MS - 1);
    await house.port(B, isWhole);
    await house.clock.advance(GRACE_MS - 1);
    expect(await heardAt(b)).toBe("10.0.0.1:8501");
  });

  test("is not gone because a redirect names another", async () => {
    const house = new House();
    await house.ports(A, B);
    await house.port(C);
    await house.clock.advance(10 * GRACE_MS);
    expect(house.doors.open).toHaveLength(3);
  });

  test("leaves whoever is connected alone", async () => {
    const clients: (() => void)[] = [];
    const house = new House({
      open: async (_, port) => {
        const listener = await listen((client) => clients.push(() => client.end("still here")), port);
        return { port: listener.port ?? 0, close: () => listener.close() };
      },
    });
    const [, b = 0] = await house.ports(A, B);
    const heard = heardAt(b);
    await vi.waitFor(() => expect(clients).toHaveLength(1));
    await house.ports(A);
    await house.clock.advance(GRACE_MS);
    clients[0]?.();
    expect(await heard).toBe("still here");
  });
});

describe("a range of ports", () => {
  test("is given out in order, around ports that others have", async () => {
    const first = await freeRange(3);
    await occupied(first + 1);
    const house = new House({ ports: { first, last: first + 2 } });
    expect(await house.ports(A, B)).toEqual([first, first + 2]);
  });

  test("that is too small is told to whoever asks, until a node leaves", async () => {
    const first = await freeRange(1);
    const house = new House({ ports: { first, last: first } });
    expect(await house.port(A)).toBe(first);
    const refused = Promise.resolve(house.doors.portsOf([A, B], false));
    await expect(refused).rejects.toMatchObject({
      code: "ERR_PASSWORDLESS_INVALID_OPTION",
      details: { option: "nodePorts" },
    });
    await house.ports(A);
    await expect(house.port(B, true)).rejects.toThrow(`${first}-${first}`);
    await house.clock.advance(GRACE_MS);
    expect(await house.port(B)).toBe(first);
  });

  test("gives the port of a node that has left to another one last", async () => {
    const first = await freeRange(3);
    const house = new House({ ports: { first, last: first + 2 } });
    expect(await house.ports(A, B)).toEqual([first, first + 1]);
    await house.ports(A);
    await house.clock.advance(GRACE_MS);
    expect(await house.ports(A, C)).toEqual([first, first + 2]);
    expect(await house.port({ host: "10.0.0.3", port: 1 })).toBe(first + 1);
  });
});

describe("a door that does not open", () => {
  test("is tried again by the next reply", async () => {
    let failures = 1;
    const house = new House({
      open: (_, port) => {
        failures -= 1;
        if (failures >= 0) return Promise.reject(invalidOption("listen", "something else"));
        return Promise.resolve({ port: port + 7_000, close: () => {} });
      },
    });
    await expect(house.port(A)).rejects.toThrow(/something else/);
    expect(await house.port(A)).toBe(7_000);
  });

  test("because the cluster has no end of nodes", async () => {
    const house = new House({ open: (_, port) => Promise.resolve({ port: port + 1, close: () => {} }) });
    const nodes = Array.from({ length: 1_025 }, (_, port) => ({ host: "10.0.0.1", port }));
    await expect(Promise.resolve(house.doors.portsOf(nodes, true))).rejects.toThrow(/1024/);
  });
});

describe("closing", () => {
  test("waits for doors that are being opened", async () => {
    const house = new House();
    let open = (): void => {};
    house.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const port = house.port(A);
    const closed = house.doors.close();
    open();
    await closed;
    expect(await heardAt(await port)).toBeUndefined();
  });

  test("forgets no node: those who are inside may go from one to another", async () => {
    const house = new House();
    const ports = await house.ports(A, B);
    await house.doors.close();
    expect(await house.ports(A, B)).toEqual(ports);
    await expect(house.port(C)).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_CLOSED" });
    expect(house.clock.pendingTimers).toBe(0);
  });

  test("leaves no timer behind", async () => {
    const house = new House();
    await house.ports(A, B);
    await house.ports(A);
    await house.doors.close();
    expect(house.clock.pendingTimers).toBe(0);
  });

  test("leaves the doors to another house", async () => {
    const first = await freeRange(3);
    const ports = { first, last: first + 2 };
    const [before, after] = [new House({ ports }), new House({ ports: { first, last: first + 1 } })];
    const [a = 0, b = 0] = await before.ports(A, B);
    const last = await before.port(C);
    await before.doors.close();
    await after.doors.reopen(before.doors.open);
    expect(await heardAt(a)).toBe("10.0.0.1:8500");
    expect(await heardAt(b)).toBe("10.0.0.1:8501");
    expect(await heardAt(last)).toBeUndefined();
    expect(await after.ports(B, A)).toEqual([b, a]);
  });

  test("frees the ports", async () => {
    const house = new House();
    const [a = 0] = await house.ports(A);
    await house.doors.close();
    expect(portOf(await occupied(a))).toBe(a);
  });
});
