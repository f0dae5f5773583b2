import { expect, test, vi } from "vitest";
import { ProxiedCache } from "../support.js";

test("a connection that is being opened when the proxy ends is no failure of the cache", async () => {
  await using cache = await ProxiedCache.start({}, { pool: 1 });
  const silence = cache.azure.redis.injectConnectionFault({ kind: "silent" });
  const failures: unknown[] = [];
  cache.proxy.on("upstreamFailed", ({ error }) => failures.push(error));
  const client = await cache.raw();
  client.write("PING");
  await vi.waitFor(() => expect(silence.applied).toBe(1));
  await cache.proxy.close();
  await client.closed;
  expect(failures).toEqual([]);
});
