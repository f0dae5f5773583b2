import { createSecureContext } from "node:tls";
import { describe, expect, test, vi } from "vitest";
import { createIdentity } from "../../src/azure/entra-id.js";
import type { InstanceOptions } from "../../src/proxy/options.js";
import type { InstanceCounters } from "../../src/proxy/status.js";
import { ProxiedCache } from "./support.js";

/** Renewed long before they end, however busy the machine is. */
const LIFETIME = { tokenLifetimeMs: 20_000 };
const RENEWED_SOON = { expirationRefreshRatio: 0.1, reauthenticationWindowMs: 100 };
const PATIENCE = { timeout: 25_000 };

/** As the first instance, but for what is said. */
function optionsLike({ azure, identity }: ProxiedCache, own: Partial<InstanceOptions> = {}): InstanceOptions {
  const { host, port } = azure.redis;
  return {
    name: "cache",
    server: { host, port, isEncrypted: true },
    identity,
    secureContext: createSecureContext({ ca: azure.caCertificate }),
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
    ...own,
  };
}

function countersOf({ proxy }: ProxiedCache, name = "cache"): InstanceCounters {
  return proxy.status().instances.find((one) => one.name === name)!.counters;
}

describe.concurrent("clients who stay through a reload", () => {
  test("count for the instance that has taken over: in its figures, and against its limit", async () => {
    await using cache = await ProxiedCache.start();
    const inside = await cache.raw();
    await inside.write("PING").read(1);
    await cache.proxy.reload({ instances: [optionsLike(cache, { maxClients: 1 })] });
    expect(countersOf(cache)).toMatchObject({ openClients: 1, clients: 1, openUpstreams: 1, upstreams: 1 });

    const second = await cache.raw();
    expect(await second.read(1)).toEqual([expect.stringMatching(/^-ERR_.* The proxy has 1 clients/)]);
    await inside.write("PING").read(2);
    inside.socket.destroy();
    await vi.waitFor(() => expect(countersOf(cache).openClients).toBe(0));
    const third = await cache.raw();
    expect(await third.write("PING").read(1)).toEqual(["+PONG\r\n"]);
    for (const client of [second, third]) client.socket.destroy();
  });

  test("are logged in again once for each token, as far as anybody is told", async () => {
    await using cache = await ProxiedCache.start(LIFETIME, {}, RENEWED_SOON);
    const inside = await cache.raw();
    await inside.write("PING").read(1);
    const told: string[] = [];
    cache.proxy.on("reauthenticated", ({ instance, token }) => told.push(`${instance} ${token.expiresAtMs}`));
    await cache.proxy.reload({ instances: [optionsLike(cache, { maxClients: 9 })] });
    await vi.waitFor(() => expect(told.length).toBeGreaterThan(0), PATIENCE);
    expect(new Set(told).size).toBe(told.length);
    expect(countersOf(cache).reauthentications).toBe(told.length);
    inside.socket.destroy();
  });
});

test.concurrent("identities that describe themselves alike have names of their own", async () => {
  await using cache = await ProxiedCache.start();
  const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: cache.azure.imdsHost };
  await using alike = createIdentity({ managedIdentity: true }, env);
  const told: string[] = [];
  cache.proxy.on("tokenRefreshed", ({ identity }) => told.push(identity));
  await cache.proxy.reload({
    instances: [optionsLike(cache), optionsLike(cache, { name: "other", identity: alike })],
  });
  const { instances, identities } = cache.proxy.status();
  const names = ["system-assigned managed identity", "system-assigned managed identity (2)"];
  expect(identities.map(({ description }) => description)).toEqual(names);
  expect(instances.map(({ identity }) => identity)).toEqual(names);
  await vi.waitFor(() => expect(told).toContain(names[1]));
  await cache.proxy.close();
});

test.concurrent("a login again counts for the instance whose client it is about", async () => {
  await using cache = await ProxiedCache.start(LIFETIME, {}, RENEWED_SOON);
  await cache.proxy.reload({ instances: [optionsLike(cache), optionsLike(cache, { name: "other" })] });
  const client = await cache.raw();
  await client.write("PING").read(1);
  await vi.waitFor(() => expect(countersOf(cache).reauthentications).toBeGreaterThan(0), PATIENCE);
  expect(countersOf(cache, "other").reauthentications).toBe(0);
  client.socket.destroy();
});

test.concurrent("certificate authorities that are new hold for everything: for tokens that are tried aside, too", async () => {
  await using cache = await ProxiedCache.start(
    { tokenLifetimeMs: 3_000 },
    { secureContext: createSecureContext() },
  );
  const refused = await cache.raw();
  expect(await refused.write("PING").read(1)).toEqual([
    expect.stringMatching(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*certificate/),
  ]);

  const failures: unknown[] = [];
  cache.proxy.on("reauthenticationFailing", ({ error }) => failures.push(error));
  await cache.proxy.reload({ instances: [optionsLike(cache)] });
  const client = await cache.raw();
  await client.write("PING").read(1);
  await vi.waitFor(() => expect(countersOf(cache).reauthentications).toBeGreaterThan(0), PATIENCE);
  expect(failures).toEqual([]);
  client.socket.destroy();
});
