import { describe, expect, test } from "vitest";
import type { InstanceOptions } from "../../src/proxy/options.js";
import { reachedByEndpoint } from "../../src/topology/address-map.js";
import { ProxiedCache } from "./support.js";

const CLUSTER = { redis: { cluster: { masters: 3, announce: "ip" } } } as const;

const MODES: readonly (readonly [string, typeof CLUSTER | object, Partial<InstanceOptions>])[] = [
  ["one with a connection of its own", {}, {}],
  ["one of a pool", {}, { pool: 2 }],
  [
    "one of a single endpoint",
    CLUSTER,
    { isSingleEndpoint: true, addressMap: reachedByEndpoint("localhost") },
  ],
];

describe.concurrent("a client that holds a connection in a transaction until its token ends", () => {
  test.each(MODES)("%s: is told so before Azure cuts it", { timeout: 60_000 }, async (_, azure, instance) => {
    await using cache = await ProxiedCache.start({ tokenLifetimeMs: 3_000, ...azure }, instance);
    const client = await cache.raw();
    await client.write("MULTI", "INCR n").read(2);
    await client.closed;
    expect(client.frames).toEqual([
      "+OK\r\n",
      "+QUEUED\r\n",
      expect.stringMatching(/^-ERR_PASSWORDLESS_AUTH_TIMEOUT .* open transaction/),
    ]);
    const cut = cache.azure.events.filter(
      (event) => event.type === "disconnected" && event.reason === "tokenExpired",
    );
    expect(cut).toEqual([]);
  });
});
