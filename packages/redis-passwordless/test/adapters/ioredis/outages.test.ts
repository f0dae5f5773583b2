import { describe, expect, test } from "vitest";
import { createIdentity } from "../../../src/azure/entra-id.js";
import { type Client, IOREDIS, IoCache, LONG } from "../../support/io-cache.js";
import { incrementSteadily } from "../../support/load.js";
import { endureOutage, OUTAGE_LIFETIME_MS, passed } from "../../support/outage.js";
import { record } from "../../support/record.js";

const codeOf = (error: Error): string => (error as { code?: string }).code ?? error.message;

describe.concurrent.each(IOREDIS)("%s while the identity provider is down", (name, lib) => {
  test(
    "for 60 % of a lifetime, across the refresh: no command fails, and a fresh token comes within a second",
    async (context) => {
      const cache = await IoCache.start(context, lib, { emulator: { tokenLifetimeMs: OUTAGE_LIFETIME_MS } });
      const clients = await cache.connect(4);
      const story = endureOutage(cache);
      const result = await incrementSteadily(clients, 400, story);
      record(`ioredis 5 ${name} 60 %`, {
        answered: result.answered,
        failed: result.failed.length,
        wrong: result.wrong,
        recoveredAfterMs: await story,
      });
      expect(result.failed).toEqual([]);
      expect([result.wrong, cache.evictions()]).toEqual([0, 0]);
      expect(cache.errors).toEqual([]);
    },
    LONG,
  );

  test(
    "for 130 % of a lifetime: recovers by itself; commands wait, and the errors say why",
    async (context) => {
      const cache = await IoCache.start(context, lib, { emulator: { tokenLifetimeMs: OUTAGE_LIFETIME_MS } });
      const client = await cache.one({ maxRetriesPerRequest: null });
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 503 });
      await passed(1.3 * OUTAGE_LIFETIME_MS);
      expect(cache.identity.status).toMatchObject({ state: "expired" });
      const waiting = client.ping();
      const healedAt = performance.now();
      fault.remove();
      expect(await waiting).toBe("PONG");
      record(`ioredis 5 ${name} 130 %`, { firstReplyAfterMs: performance.now() - healedAt });
      for (const error of cache.errors) {
        expect(codeOf(error)).toMatch(
          /^(ECONNRESET|EPIPE|ERR_PASSWORDLESS_(IDENTITY_PROVIDER_ERROR|TOKEN_WAIT_TIMEOUT))$/,
        );
      }
      // It has never logged in with a token that had ended.
      expect(cache.refusals()).toEqual([]);
      expect(await client.ping()).toBe("PONG");
    },
    LONG,
  );

  test(
    "at the first request: ten clients, their queued commands and a cluster succeed once it heals",
    async (context) => {
      const cache = await IoCache.startCluster(context, lib);
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 500 });
      const clients = Array.from({ length: 10 }, () => cache.client());
      const replies = clients.map((client) => client.ping());
      const cluster = cache.cluster();
      await cache.azure.waitFor("tokenRequest", undefined, { since: 0 });
      await passed(2_000);
      const healedAt = performance.now();
      fault.remove();
      expect(await Promise.all(replies)).toEqual(Array.from({ length: 10 }, () => "PONG"));
      expect(await (await cluster).set("key", "value")).toBe("OK");
      record(`ioredis 5 ${name} transient`, { allAnsweredAfterMs: performance.now() - healedAt });
    },
    LONG,
  );

  test(
    "a wrong secret: ten concurrent connects are all rejected with the diagnosis, and nothing tries on",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const identity = createIdentity(
        {
          tenantId: cache.azure.tenantId,
          clientId: cache.azure.servicePrincipal.clientId,
          clientSecret: "not-the-secret",
          authorityHost: cache.azure.authorityHost,
          ca: cache.azure.caCertificate,
        },
        {},
      );
      context.onTestFinished(() => identity.close());
      const clients = Array.from({ length: 10 }, () => cache.client({ lazyConnect: true }, { identity }));
      const outcomes = await Promise.allSettled(clients.map((client) => client.connect()));
      const reasons = outcomes.map((outcome) =>
        outcome.status === "rejected" ? String(outcome.reason) : "connected",
      );
      record(`ioredis 5 ${name} wrong secret`, {
        rejected: reasons.filter((reason) => reason.includes("7000215")).length,
      });
      for (const reason of reasons)
        expect(reason).toMatch(/AADSTS7000215.*ERR_PASSWORDLESS_IDENTITY_REJECTED/s);
      for (const error of cache.errors) expect(codeOf(error)).toBe("ERR_PASSWORDLESS_IDENTITY_REJECTED");
      expect(clients.map((client) => client.status)).toEqual(Array.from({ length: 10 }, () => "end"));
      expect(identity.status.connections).toBe(0);
      // A command does not wait for ever either.
      await expect(clients[0]?.ping()).rejects.toThrow("Connection is closed");
    },
    LONG,
  );

  test(
    "a wrong secret without `lazyConnect`: the client emits the diagnosis, and its commands fail",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const body = { error: "invalid_request", error_description: "Identity not found" };
      cache.azure.injectFault("imds", { kind: "status", status: 400, body });
      const client = cache.client();
      const ended = new Promise<void>((resolve) => client.once("end", resolve));
      const reply = client.ping().catch((error: Error) => codeOf(error));
      await ended;
      expect(await reply).toMatch(/^ERR_PASSWORDLESS_IDENTITY_/);
      expect(cache.errors.map((error) => codeOf(error))).toEqual([
        expect.stringMatching(/^ERR_PASSWORDLESS_IDENTITY_/),
      ]);
      expect(cache.azure.redis.connectionCount).toBe(0);
    },
    LONG,
  );

  test(
    "429 with Retry-After 3: the next request comes after 3 to 4 seconds",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      cache.azure.injectFault("imds", { kind: "status", status: 429, retryAfter: "3" }, { times: 1 });
      await cache.one();
      const [first, second] = cache.tokenRequests().map((request) => request.atMs);
      const afterMs = (second ?? 0) - (first ?? 0);
      record(`ioredis 5 ${name} 429`, { afterMs });
      expect(afterMs).toBeGreaterThanOrEqual(3_000);
      expect(cache.tokenRequests()).toHaveLength(2);
    },
    LONG,
  );

  test(
    "a running client outlives a permanent refusal that is repaired after its token has ended",
    async (context) => {
      const cache = await IoCache.start(context, lib, {
        identity: { managedIdentity: true, retry: { maxDelayMs: 2_000 } },
      });
      const client = await cache.one({ maxRetriesPerRequest: null });
      const body = { error: "invalid_request", error_description: "Identity not found" };
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 400, body });
      await new Promise((resolve) => cache.identity.on("tokenExpired", resolve));
      expect(client.status).not.toBe("end");
      fault.remove();
      expect(await client.ping()).toBe("PONG");
    },
    LONG,
  );

  test(
    "Redis restarts in the middle of it: the client is back with the same token",
    async (context) => {
      const cache = await IoCache.start(context, lib, { emulator: { tokenLifetimeMs: 60_000 } });
      const client = await cache.one();
      await client.set("key", "kept");
      cache.azure.injectFault("imds", { kind: "hang" });
      await cache.azure.redis.restart();
      expect(await client.get("key")).toBe("kept");
      expect(cache.tokenRequests()).toHaveLength(1);
    },
    LONG,
  );

  test("a client that is disconnected while it waits for its first token ends, and nothing is left", async (context) => {
    const cache = await IoCache.start(context, lib);
    cache.azure.injectFault("imds", { kind: "hang" });
    const clients: Client[] = Array.from({ length: 3 }, () => cache.client({ lazyConnect: true }));
    const connecting = clients.map((client) => client.connect().catch((error: Error) => error.message));
    await cache.azure.waitFor("tokenRequest", undefined, { since: 0 });
    const ended = clients.map((client) => new Promise<void>((resolve) => client.once("end", resolve)));
    for (const client of clients) client.disconnect();
    await Promise.all(ended);
    expect(await Promise.all(connecting)).toEqual(clients.map(() => "Connection is closed."));
    expect([cache.identity.status.connections, cache.azure.redis.connectionCount]).toEqual([0, 0]);
  });
});
