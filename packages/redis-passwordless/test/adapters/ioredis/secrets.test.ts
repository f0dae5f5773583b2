import { spawn } from "node:child_process";
import { once } from "node:events";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { AT_ONCE, IOREDIS, IoCache, LONG, ready } from "../../support/io-cache.js";

/** A JWT begins with the base64 of `{"`; the gateway sees AUTH with it, and so would a log. */
const TOKEN = /eyJ[\w-]{10}/;

/** As JSON, each object once: clients refer to themselves. */
function json(value: unknown): string {
  const seen = new WeakSet<object>();
  const once = (_key: string, held: unknown): unknown => {
    if (typeof held !== "object" || held === null) return held;
    if (seen.has(held)) return undefined;
    seen.add(held);
    return held;
  };
  return JSON.stringify(value, once) ?? "";
}

function expectNoToken(held: unknown, token = TOKEN): void {
  expect(inspect(held, { depth: 10, showHidden: true, getters: true })).not.toMatch(token);
  expect(json(held)).not.toMatch(token);
  expect(String(held)).not.toMatch(token);
}

describe.concurrent.each(IOREDIS)("with %s, no token and no secret is seen", (_name, lib) => {
  test(
    "by inspecting or serialising what the application holds, at any depth",
    async (context) => {
      const cache = await IoCache.startCluster(context, lib, { identity: AT_ONCE });
      const subscriber = await cache.one({ protocol: 2, retryStrategy: () => 1 });
      await subscriber.subscribe("news");
      const client = await cache.one({ retryStrategy: () => 1 });
      const blocked = cache.track(client.duplicate());
      await ready(blocked);
      blocked.blpop("{queue}", 0).catch(() => {});
      const cluster = await cache.cluster();
      await cluster.subscribe("news");
      await cache.reauthenticated(4);
      const token = await cache.identity.getToken();
      const all = [subscriber, client, blocked, ...cluster.nodes()];
      const held = [
        ...all.flatMap((one) => [one, one.options, one.condition, one.stream]),
        cluster,
        cluster.options,
        cache.adapter,
        cache.adapter.options(cache.options()),
        cache.identity,
        cache.identity.status,
        token,
      ];
      for (const one of held) expectNoToken(one);
      // Also while they are between two connections.
      const closed = new Promise<void>((resolve) => client.once("close", resolve));
      cache.azure.redis.killConnections();
      await closed;
      for (const one of held) expectNoToken(one);
    },
    LONG,
  );

  test(
    "in events and errors: refused logins, failing commands, cut off, in a transaction, without a token",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const seen: unknown[] = [];
      const names = [
        "tokenRefreshed",
        "refreshFailing",
        "recovered",
        "tokenExpired",
        "reauthenticated",
        "reauthenticationFailing",
      ] as const;
      for (const name of names) cache.identity.on(name, (payload) => seen.push(payload));
      const note = (error: unknown) => void seen.push(error);
      cache.azure.redis.injectFault({ kind: "refuse" }, { times: 2 });
      const client = await cache.one({ retryStrategy: () => 1, maxRetriesPerRequest: 1 });
      const events = ["connect", "ready", "close", "reconnecting", "end", "error", "select"] as const;
      for (const event of events) client.on(event, (...args: unknown[]) => seen.push(args));

      cache.azure.redis.injectFault({ kind: "refuse" }, { times: 2 });
      await new Promise((resolve) => cache.identity.on("reauthenticationFailing", resolve));
      await client.call("AUTH", "someone", "wrong").catch(note);
      await client.call("NO-SUCH-COMMAND").catch(note);
      await client.set("text", "value");
      await client.lpush("text", "1").catch(note);
      await client.call("MULTI");
      cache.azure.redis.killConnections();
      await client.incr("n").catch(note);
      await client.call("EXEC").catch(note);
      const body = { error: await cache.azure.issueToken(cache.azure.systemIdentity.objectId) };
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 500, body }, { times: 2 });
      cache.azure.redis.injectFault({ kind: "refuse" }, { times: 3 });
      cache.azure.redis.killConnections();
      await client.incr("n").catch(note);
      await context.expect.poll(() => fault.applied, { timeout: 20_000 }).toBe(2);
      await cache.rotations(1);
      await ready(client);
      seen.push(...cache.errors);
      expect(seen.length).toBeGreaterThan(8);
      for (const one of seen) expectNoToken(one);
    },
    LONG,
  );
});

describe.concurrent("in the output of a process with every debug switch on", () => {
  test.for(["ioredis", "ioredis-5", "iovalkey"])("%s", { timeout: LONG }, async (module, context) => {
    const cache = await IoCache.startCluster(context, IOREDIS[0][1]);
    const { host, port } = cache.azure.redis;
    const program = `
      import { Cluster, Redis } from ${JSON.stringify(module)};
      import { entraId } from "redis-passwordless";
      import { passwordless } from "redis-passwordless/ioredis";
      const identity = entraId({
        tenantId: ${JSON.stringify(cache.azure.tenantId)},
        clientId: process.env.ID,
        clientSecret: process.env.SECRET,
        reauthenticationWindowMs: 1,
      });
      identity.on("tokenRefreshed", (event) => console.log(event));
      const address = { host: ${JSON.stringify(host)}, port: ${port} };
      const redis = passwordless(Redis, { ...address, tls: {} }, { identity });
      const subscriber = redis.duplicate({ protocol: 2 });
      const cluster = passwordless(Cluster, [address], { redisOptions: { tls: {} } }, { identity });
      for (const client of [redis, subscriber, cluster]) client.on("error", console.error);
      await subscriber.subscribe("news");
      await cluster.set("key", "value");
      await redis.call("NO-SUCH-COMMAND").catch(console.error);
      await new Promise((resolve) => identity.on("reauthenticated", resolve));
      console.log(redis, redis.options, subscriber, cluster, identity);
      console.log(await redis.ping());
      for (const client of [redis, subscriber, cluster]) client.disconnect();
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: {
        PATH: process.env["PATH"],
        DEBUG: "*,ioredis:*,iovalkey:*",
        NODE_DEBUG: "http,https,net,tls,fetch,undici,stream",
        NODE_EXTRA_CA_CERTS: cache.azure.caFile,
        AZURE_AUTHORITY_HOST: cache.azure.authorityHost,
        ID: cache.azure.servicePrincipal.clientId,
        SECRET: cache.azure.servicePrincipal.secret,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    expect(output).toContain("PONG");
    expect(output).toMatch(/(ioredis|iovalkey):redis/);
    expect(code).toBe(0);
    expect(output).not.toMatch(TOKEN);
    expect(output).not.toContain(cache.azure.servicePrincipal.secret);
  });
});
