import { spawn } from "node:child_process";
import { once } from "node:events";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { Cache, NODE_REDIS } from "../../support/cache.js";

/** A JWT begins with the base64 of `{"`. */
const TOKEN = /eyJ[\w-]{10}/;

describe.concurrent.each(NODE_REDIS)("with %s, no token and no secret is seen", (_name, redis) => {
  test("by inspecting or serialising what the application holds, at any depth", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = cache.attached({ RESP: 2 });
    await client.connect();
    await client.subscribe("news", () => {});
    await cache.rotations(1);
    const token = await cache.identity.getToken();
    for (const held of [
      client,
      client.options,
      cache.identity,
      cache.identity.status,
      token,
      cache.adapter,
    ]) {
      expect(inspect(held, { depth: 10, showHidden: true, getters: true })).not.toMatch(TOKEN);
    }
    for (const held of [cache.identity, cache.identity.status, token])
      expect(JSON.stringify(held)).not.toMatch(TOKEN);
    expect(String(token)).not.toMatch(TOKEN);
  });

  test("in events and errors: refused, cut off, in a transaction, without a token", async (context) => {
    const cache = await Cache.start(context, redis);
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
    const [client] = await cache.connect(1);
    cache.azure.redis.injectFault({ kind: "refuse" }, { times: 2 });
    const failing = new Promise((resolve) => cache.identity.on("reauthenticationFailing", resolve));
    await failing;
    cache.azure.redis.injectFault({ kind: "refuse" }, { times: 1 });
    cache.azure.injectFault(
      "imds",
      {
        kind: "status",
        status: 500,
        body: { error: await cache.azure.issueToken(cache.azure.systemIdentity.objectId) },
      },
      { times: 1 },
    );
    cache.azure.redis.killConnections();
    await cache.rotations(1);
    await client?.ping();
    seen.push(...cache.errors);
    expect(seen.length).toBeGreaterThan(4);
    for (const one of seen) {
      expect(inspect(one, { depth: 10, showHidden: true })).not.toMatch(TOKEN);
      expect(JSON.stringify(one)).not.toMatch(TOKEN);
    }
  });
});

test("in the output of a process with every debug switch on", async (context) => {
  const cache = await Cache.start(context, NODE_REDIS[0][1]);
  const program = `
    import { createClient } from "redis";
    import { entraId } from "redis-passwordless";
    import { attach, passwordless } from "redis-passwordless/node-redis";
    const identity = entraId({ tenantId: ${JSON.stringify(cache.azure.tenantId)}, clientId: process.env.ID, clientSecret: process.env.SECRET });
    identity.on("tokenRefreshed", (event) => console.log(event));
    const client = attach(createClient(passwordless({ url: ${JSON.stringify(cache.azure.redis.url)} }, { identity })));
    client.on("error", console.error);
    await client.connect();
    console.log(client, client.options, identity);
    await new Promise((resolve) => identity.on("reauthenticated", resolve));
    console.log(await client.ping());
    client.destroy();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    env: {
      PATH: process.env["PATH"],
      DEBUG: "*",
      NODE_DEBUG: "http,https,net,tls,fetch,undici,stream",
      REDIS_EMIT_DIAGNOSTICS: "1",
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
  expect(code).toBe(0);
  expect(output).not.toMatch(TOKEN);
  expect(output).not.toContain(cache.azure.servicePrincipal.secret);
});
