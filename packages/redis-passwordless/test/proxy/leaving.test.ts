import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ProxiedCache, type RawClient } from "./support.js";

const CLUSTER = { redis: { cluster: { masters: 3 } } } as const;
/** It is in slot 0, on the node that answers INFO for all of them. */
const QUEUE = "06S";

/** Resolves when the server has so many blocked clients. */
async function blocked(client: RawClient, count: number): Promise<void> {
  for (;;) {
    const info = (await client.write("INFO clients").read(client.frames.length + 1)).at(-1);
    if (info?.includes(`blocked_clients:${count}\r\n`)) return;
  }
}

describe.each([
  ["with a connection of its own", {}, {}],
  ["with --pool", {}, { pool: 1 }],
  ["of --single-endpoint", CLUSTER, { isSingleEndpoint: true }],
])("a client %s that leaves while a command of it blocks", (_, azure, instance) => {
  let cache: ProxiedCache;
  beforeAll(async () => {
    cache = await ProxiedCache.start(azure, instance);
  });
  afterAll(() => cache[Symbol.asyncDispose]());

  test.each([
    ["sends nothing more", "PING"],
    ["sends nothing more, and has changed its connection for good", "READONLY"],
    ["is gone", "PING"],
  ])("takes nothing that others wait for: it %s", async (how, before) => {
    const [leaving, staying, pushing] = [await cache.raw(), await cache.raw(), await cache.raw()];
    leaving.write(before, `BLPOP ${QUEUE} 0`, "GET behind");
    await blocked(pushing, 1);
    if (how === "is gone") leaving.socket.destroy();
    else leaving.socket.end();
    await blocked(pushing, 0);
    await leaving.closed;
    staying.write(`BLPOP ${QUEUE} 0`);
    await blocked(pushing, 1);
    pushing.write(`RPUSH ${QUEUE} kept`);
    expect(await staying.read(1)).toEqual([`*2\r\n$3\r\n${QUEUE}\r\n$4\r\nkept\r\n`]);
    expect(leaving.frames).toHaveLength(1);
    for (const client of [staying, pushing]) client.socket.destroy();
  });

  test("is heard no more when it has left before its turn came", async () => {
    const leaving = await cache.raw();
    leaving.write("PING", `BLPOP ${QUEUE} 0`);
    leaving.socket.end();
    await leaving.closed;
    const pushing = await cache.raw();
    await blocked(pushing, 0);
    pushing.socket.destroy();
  });
});
