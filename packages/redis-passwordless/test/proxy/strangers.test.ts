import { encodeCommand } from "resp-framing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ProxiedCache } from "./support.js";

const CLUSTER = { redis: { cluster: { masters: 3 } } } as const;
const PASSWORD = "open sesame";

/** Far more than a stranger may send. */
const ENDLESS: readonly (readonly [string, Buffer])[] = [
  ["an argument without an end", Buffer.from(`*2\r\n$4\r\nAUTH\r\n$536870912\r\n${"x".repeat(4_000_000)}`)],
  ["arguments without an end", Buffer.from(`*1000000\r\n${"$9\r\nsomething\r\n".repeat(300_000)}`)],
  ["a line without an end", Buffer.from("AUTH ".repeat(1_000_000))],
  ["a name without an end", Buffer.alloc(4_000_000, "x")],
  ["arrays in arrays", Buffer.from("*1\r\n".repeat(1_000_000))],
];

describe.each([
  ["of a connection of its own", {}, {}],
  ["of --pool", {}, { pool: 1 }],
  ["of --single-endpoint", CLUSTER, { isSingleEndpoint: true }],
])("a client %s that has not logged in", (_, azure, instance) => {
  let cache: ProxiedCache;
  beforeAll(async () => {
    cache = await ProxiedCache.start(azure, { clientPassword: PASSWORD, ...instance });
  });
  afterAll(() => cache[Symbol.asyncDispose]());

  test.each(ENDLESS)("is sent away with the reason for %s", async (_, bytes) => {
    const client = await cache.raw();
    client.socket.write(bytes);
    expect((await client.read(1))[0]).toMatch(/^-ERR Protocol error: /);
    await client.closed;
    await vi.waitFor(() => expect(cache.proxy.status().instances[0]!.counters.openClients).toBe(0));
  });

  test("may take its time, and send its password in pieces", async () => {
    const client = await cache.raw();
    for (const byte of encodeCommand(["AUTH", PASSWORD])) {
      client.socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expect(await client.write("PING").read(2)).toEqual(["+OK\r\n", "+PONG\r\n"]);
    client.socket.destroy();
  });
});
