import { describe, expect, test } from "vitest";
import { Cache, NODE_REDIS, TOKEN_LIFETIME_MS } from "../../support/cache.js";
import { incrementSteadily } from "../../support/load.js";
import { endureOutage, OUTAGE_LIFETIME_MS, passed } from "../../support/outage.js";
import { record } from "../../support/record.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 30_000;

describe.concurrent.each(NODE_REDIS)("%s while the identity provider is down", (name, redis) => {
  test(
    "for 60 % of a lifetime, across the refresh: no command fails, and a fresh token comes within a second",
    async (context) => {
      const cache = await Cache.start(context, redis, { emulator: { tokenLifetimeMs: OUTAGE_LIFETIME_MS } });
      const clients = await cache.connect(4);
      const story = endureOutage(cache);
      const result = await incrementSteadily(clients, 400, story);
      record(`3 ${name}`, {
        answered: result.answered,
        failed: result.failed.length,
        wrong: result.wrong,
        recoveredAfterMs: await story,
      });
      expect(result.failed).toEqual([]);
      expect(result.wrong).toBe(0);
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "for 130 % of a lifetime: recovers by itself; only commands without a valid token fail, and say why",
    async (context) => {
      const cache = await Cache.start(context, redis, { emulator: { tokenLifetimeMs: OUTAGE_LIFETIME_MS } });
      const [client] = await cache.connect(1);
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 503 });
      await passed(1.3 * OUTAGE_LIFETIME_MS);
      expect(cache.identity.status).toMatchObject({ state: "expired" });
      const waiting = client?.ping();
      const healedAt = performance.now();
      fault.remove();
      expect(await waiting).toBe("PONG");
      record(`4 ${name}`, { firstReplyAfterMs: performance.now() - healedAt });
      const reasons = cache.errors.map((error) => (error as { code?: string }).code ?? error.message);
      expect(
        reasons.every((reason) =>
          /Socket closed|ERR_PASSWORDLESS_(IDENTITY_PROVIDER_ERROR|TOKEN_WAIT_TIMEOUT)/.test(reason),
        ),
      ).toBe(true);
    },
    LONG,
  );

  test(
    "at the first request: ten concurrent connects all succeed once it heals",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 500 });
      const connecting = cache.connect(10);
      await cache.azure.waitFor("tokenRequest", undefined, { since: 0 });
      await passed(2_000);
      const healedAt = performance.now();
      fault.remove();
      const clients = await connecting;
      record(`5 ${name} transient`, { allConnectedAfterMs: performance.now() - healedAt });
      expect(await Promise.all(clients.map((client) => client.ping()))).toEqual(
        Array.from({ length: 10 }, () => "PONG"),
      );
    },
    LONG,
  );

  test(
    "a wrong secret: ten concurrent connects are all rejected with the diagnosis",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const { clientId } = cache.azure.servicePrincipal;
      const { createIdentity } = await import("../../../src/azure/entra-id.js");
      const identity = createIdentity(
        {
          tenantId: cache.azure.tenantId,
          clientId,
          clientSecret: "not-the-secret",
          authorityHost: cache.azure.authorityHost,
          ca: cache.azure.caCertificate,
        },
        {},
      );
      context.onTestFinished(() => identity.close());
      const clients = Array.from({ length: 10 }, () => cache.client({}, { identity }));
      const outcomes = await Promise.allSettled(clients.map((client) => client.connect()));
      const reasons = outcomes.map((outcome) =>
        outcome.status === "rejected" ? String(outcome.reason) : "connected",
      );
      record(`5 ${name} wrong secret`, {
        rejected: reasons.filter((reason) => reason.includes("7000215")).length,
      });
      for (const reason of reasons)
        expect(reason).toMatch(/AADSTS7000215.*ERR_PASSWORDLESS_IDENTITY_REJECTED/s);
      expect(identity.status.connections).toBe(0);
    },
    LONG,
  );

  test(
    "429 with Retry-After 3: the next request comes after 3 to 4 seconds",
    async (context) => {
      const cache = await Cache.start(context, redis);
      cache.azure.injectFault("imds", { kind: "status", status: 429, retryAfter: "3" }, { times: 1 });
      await cache.connect(1);
      const [first, second] = cache.tokenRequests().map((request) => request.atMs);
      const afterMs = (second ?? 0) - (first ?? 0);
      record(`6 ${name}`, { afterMs });
      expect(afterMs).toBeGreaterThanOrEqual(3_000);
      expect(cache.tokenRequests()).toHaveLength(2);
    },
    LONG,
  );

  test(
    "a running client outlives a permanent refusal that is repaired after its token has ended",
    async (context) => {
      const cache = await Cache.start(context, redis, {
        identity: { managedIdentity: true, retry: { maxDelayMs: 2_000 } },
      });
      const [client] = await cache.connect(1);
      const body = { error: "invalid_request", error_description: "Identity not found" };
      const fault = cache.azure.injectFault("imds", { kind: "status", status: 400, body });
      await new Promise((resolve) => cache.identity.on("tokenExpired", resolve));
      expect(client?.isOpen).toBe(true);
      fault.remove();
      expect(await client?.ping()).toBe("PONG");
    },
    LONG,
  );

  test(
    "Redis restarts in the middle of it: the client is back with the same token",
    async (context) => {
      const cache = await Cache.start(context, redis, { emulator: { tokenLifetimeMs: 60_000 } });
      const [client] = await cache.connect(1);
      await client?.set("key", "kept");
      cache.azure.injectFault("imds", { kind: "hang" });
      await cache.azure.redis.restart();
      expect(await client?.get("key")).toBe("kept");
      expect(cache.tokenRequests()).toHaveLength(1);
    },
    LONG,
  );
});
