import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { ProxiedCache } from "./support.js";

let cache: ProxiedCache;

beforeAll(async () => {
  cache = await ProxiedCache.start();
});
afterAll(() => cache[Symbol.asyncDispose]());

test("a client that says its first word while its connection is being lost is answered, or told", async () => {
  const outcomes = new Set<string>();
  for (let round = 0; round < 14; round += 1) {
    const clients = await Promise.all(Array.from({ length: 8 }, () => cache.raw()));
    await vi.waitFor(() => {
      const { counters, spareUpstreams } = cache.proxy.status().instances[0]!;
      expect(counters.openUpstreams - spareUpstreams).toBe(clients.length);
    });
    cache.azure.redis.killConnections();
    for (const client of clients) {
      for (let turns = round % 7; turns > 0; turns -= 1) await new Promise(setImmediate);
      client.write("PING");
    }
    for (const client of clients) {
      const answered = client.read(1).then(([reply]) => reply!);
      // One that the server has read and not answered cannot be repeated.
      outcomes.add(await Promise.race([answered, client.closed.then(() => "closed")]));
      answered.catch(() => {});
      client.socket.destroy();
      await client.closed;
    }
  }
  expect([...outcomes].filter((outcome) => outcome !== "closed")).toEqual(["+PONG\r\n"]);
});
