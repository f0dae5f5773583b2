import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { ProxiedCache, type RawClient } from "./support.js";

let cache: ProxiedCache;

beforeAll(async () => {
  cache = await ProxiedCache.start();
});
afterAll(() => cache[Symbol.asyncDispose]());

const instance = () => cache.proxy.status().instances[0]!;
const upstreams = () => instance().counters.upstreams;

/** Ends a client, and resolves when its connection to the server waits for the next one or is gone. */
async function leave(client: RawClient): Promise<void> {
  client.socket.end();
  await client.closed;
  await vi.waitFor(() => {
    const { counters, spareUpstreams } = instance();
    expect(counters.openClients).toBe(0);
    expect(counters.openUpstreams).toBe(spareUpstreams);
  }, PATIENT);
}

const PATIENT = { timeout: 10_000 };

beforeEach(async () => {
  cache.azure.redis.killConnections();
  await vi.waitFor(() => expect(instance().counters.openUpstreams).toBe(0), PATIENT);
});

describe("a connection to the server", () => {
  test("serves one client after the other", async () => {
    const client = await cache.raw();
    await client.write("PING").read(1);
    await leave(client);
    const before = upstreams();
    for (let index = 0; index < 10; index++) {
      const next = await cache.raw();
      expect(await next.write(`ECHO ${index}`).read(1)).toEqual([`$1\r\n${index}\r\n`]);
      await leave(next);
    }
    expect(upstreams()).toBe(before);
  });

  test("is as new for the next client", async () => {
    const client = await cache.raw();
    await client
      .write("HELLO 3", "SELECT 1", "CLIENT SETNAME somebody", "SET only here", "SELECT 99")
      .read(5);
    await leave(client);
    const before = upstreams();
    const next = await cache.raw();
    const [info] = await next.write("CLIENT INFO", "GET only").read(2);
    expect(info).toMatch(/ name= .* db=0 .* resp=2/s);
    expect(next.frames[1]).toBe("$-1\r\n");
    expect(upstreams()).toBe(before);
    await leave(next);
  });

  test.each([
    ["a transaction", ["MULTI"], 1],
    ["a watch", ["WATCH key"], 1],
    ["a subscription", ["SUBSCRIBE news"], 1],
    ["a command that blocks", ["PING", "BLPOP nothing 0"], 1],
    ["CLIENT REPLY OFF", ["PING", "CLIENT REPLY OFF"], 1],
    ["MONITOR", ["MONITOR"], 1],
    ["half a command", ["PING"], 1, "*2\r\n$3\r\nGET\r\n"],
  ])("is not passed on with %s", async (_, commands, replies, rest = "") => {
    const client = await cache.raw();
    await client.write(...commands).read(replies);
    client.socket.write(rest);
    const before = upstreams();
    await leave(client);
    const next = await cache.raw();
    expect(await next.write("PING").read(1)).toEqual(["+PONG\r\n"]);
    expect(upstreams()).toBe(before + 1);
    await leave(next);
  });

  test.each([
    ["a HELLO in a transaction", ["MULTI", "HELLO 3", "EXEC"], 3],
    ["a HELLO behind ASKING", ["ASKING", "HELLO 3"], 2],
  ] as const)("is another one after %s, whose reply nobody has looked at", async (_, lines, replies) => {
    const client = await cache.raw();
    await client.write(...lines, "HGETALL none").read(replies + 1);
    expect(client.frames.at(-1)).toBe("%0\r\n");
    await leave(client);
    const next = await cache.raw();
    expect(await next.write("HGETALL none").read(1)).toEqual(["*0\r\n"]);
    await leave(next);
  });

  test("answers what a client has sent before it ended its half", async () => {
    const client = await cache.raw();
    client.write(...Array.from({ length: 50 }, (_, index) => `ECHO ${index}`));
    client.socket.end();
    await client.closed;
    expect(client.frames).toHaveLength(50);
  });
});

describe("when the server drops the connections", () => {
  test("a client that waits for nothing goes on as before", async () => {
    const client = await cache.raw();
    await client.write("HELLO 3", "SELECT 2", "CLIENT SETNAME lasting", "SET key value").read(4);
    await vi.waitFor(() => expect(instance().idleClients).toBe(1), { timeout: 10_000 });
    cache.azure.redis.killConnections();
    await vi.waitFor(() => expect(instance().counters.openUpstreams).toBe(0));
    const frames = await client.write("GET key", "CLIENT INFO").read(6);
    expect(frames[4]).toBe("$5\r\nvalue\r\n");
    expect(frames[5]).toMatch(/ name=lasting .* db=2 .* resp=3/s);
    client.socket.destroy();
  });

  test("a client that waits for an answer is told by the end of its connection", async () => {
    const client = await cache.raw();
    await client.write("PING").read(1);
    client.write("BLPOP nothing 0");
    await vi.waitFor(() => expect(instance().counters.bytesIn).toBeGreaterThan(0));
    await cache.raw().then((other) => other.write("PING").read(1));
    cache.azure.redis.killConnections();
    await client.closed;
    expect(client.frames).toEqual(["+PONG\r\n"]);
  });
});
