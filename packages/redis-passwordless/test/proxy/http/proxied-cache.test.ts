import { createClient } from "redis";
import { expect, test } from "vitest";
import { startStatusServer } from "../../../src/proxy/http/index.js";
import { ProxiedCache } from "../support.js";
import { ask } from "./client.js";

/** A proxy in front of a cache, and what it says of itself. */
async function observed(
  test: { onTestFinished(fn: () => Promise<void>): void },
  ...options: Parameters<typeof ProxiedCache.start>
) {
  const cache = await ProxiedCache.start(...options);
  test.onTestFinished(() => cache[Symbol.asyncDispose]());
  const server = await startStatusServer({
    address: { host: "127.0.0.1", port: 0 },
    view: cache.proxy,
    version: "1.2.3",
    bounds: { failingMs: 0 },
  });
  test.onTestFinished(() => server.close());
  const get = (path: string) => ask(server.url, path);
  const figure = async (name: string): Promise<number> => {
    const { body } = await get("/metrics");
    return Number(
      new RegExp(`^redis_passwordless_${name}(?:{[^}]*})? (\\S+)$`, "m").exec(body)?.[1] ?? Number.NaN,
    );
  };
  const client = async () => {
    const redis = createClient({ url: cache.url, socket: { reconnectStrategy: false } });
    redis.on("error", () => {});
    test.onTestFinished(async () => redis.destroy());
    await redis.connect();
    return redis;
  };
  return { cache, get, figure, client };
}

test("figures follow clients through rotations", async (test) => {
  const lifecycle = { reauthenticationWindowMs: 100 };
  const { cache, figure, client } = await observed(test, { tokenLifetimeMs: 3_000 }, {}, lifecycle);
  const redis = await client();
  await redis.set("key", "x".repeat(10_000));
  expect(await redis.get("key")).toHaveLength(10_000);
  expect(await figure("open_client_connections")).toBe(1);
  expect(await figure("client_received_bytes_total")).toBeGreaterThan(10_000);
  expect(await figure("client_sent_bytes_total")).toBeGreaterThan(10_000);
  expect(await figure("upstream_connect_duration_seconds_count")).toBeGreaterThan(0);
  const before = await figure("token_expiry_timestamp_seconds");
  await expect.poll(() => figure("reauthentications_total"), { timeout: 10_000 }).toBeGreaterThan(0);
  expect(await figure("token_expiry_timestamp_seconds")).toBeGreaterThan(before);
  expect(await figure("token_refreshes_total")).toBeGreaterThan(1);
  redis.destroy();
  await expect.poll(() => figure("client_disconnections_total")).toBe(1);
  expect(cache.proxy.status().instances[0]!.counters.openClients).toBe(0);
});

test("a cache that lets nobody in makes the proxy unready, and one that does ready again", async (test) => {
  const { cache, get, figure, client } = await observed(test);
  await client();
  expect(await get("/readiness")).toMatchObject({ status: 200 });
  const fault = cache.azure.redis.injectConnectionFault({ kind: "reset" });
  await expect(client()).rejects.toThrow();
  const { status, body } = await get("/readiness");
  expect(status).toBe(503);
  expect(JSON.parse(body)).toMatchObject({
    reasons: [
      {
        reason: "unreachable",
        instance: "cache",
        trouble: { code: "ERR_PASSWORDLESS_CONNECTION_FAILED", remedy: expect.any(String) as string },
      },
    ],
  });
  expect(await get("/liveness")).toMatchObject({ status: 200 });
  expect(await figure("upstream_connection_failures_total")).toBeGreaterThan(0);
  fault[Symbol.dispose]();
  await client();
  expect(await get("/readiness")).toMatchObject({ status: 200 });
});

test("one client too many makes the proxy unready until one leaves", async (test) => {
  const { get, figure, client } = await observed(test, {}, { maxClients: 1 });
  const first = await client();
  await expect(client()).rejects.toThrow(/takes no more/);
  expect(JSON.parse((await get("/readiness")).body)).toMatchObject({ reasons: [{ reason: "clientLimit" }] });
  expect(await figure("client_connections_over_limit_total")).toBe(1);
  expect((await get("/status")).body).toContain("there are as many as there may be");
  first.destroy();
  await expect.poll(async () => (await get("/readiness")).status).toBe(200);
});

test("a proxy that drains is unready, and alive", async (test) => {
  const { cache, get, client } = await observed(test);
  const redis = await client();
  const drained = cache.proxy.drain({ maxMs: 30_000 });
  expect(JSON.parse((await get("/readiness")).body)).toMatchObject({ reasons: [{ reason: "draining" }] });
  expect(await get("/startup")).toMatchObject({ status: 200 });
  expect(await get("/liveness")).toMatchObject({ status: 200 });
  redis.destroy();
  await drained;
  expect(JSON.parse((await get("/liveness")).body)).toMatchObject({ reasons: [{ reason: "closed" }] });
});
