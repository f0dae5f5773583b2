import { ManagedIdentityCredential } from "@azure/identity";
import { startEmulator } from "azure-redis-emulator";
import { createClient } from "redis";
import { expect, test, vi } from "vitest";
import { NodeRedisAdapter } from "../../../src/adapters/node-redis/index.js";
import { createIdentity } from "../../../src/azure/entra-id.js";
import { ManualClock } from "../../../src/testing/manual-clock.js";
import { record } from "../../support/record.js";

const MINUTE = 60_000;

/**
 * `@azure/identity` serves its cached token until 5 minutes before the end. Only `Date` is replaced here, and moved
 * with the manual clock: the credential, the emulator and Redis are real and see the same time.
 */
test("a credential that caches: the new token is on every connection 3 minutes before the end, none is sent twice", async (context) => {
  const azure = await startEmulator({ tokenLifetimeMs: 20 * MINUTE, gateway: { idleTimeoutMs: 0 } });
  context.onTestFinished(() => azure.close());
  vi.stubEnv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.imdsHost);
  context.onTestFinished(() => void vi.unstubAllEnvs());
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
  context.onTestFinished(() => void vi.useRealTimers());
  const clock = new ManualClock(Date.now());
  const identity = createIdentity(
    { credential: new ManagedIdentityCredential(), clock, reauthenticationWindowMs: 10_000 },
    {},
  );
  context.onTestFinished(() => identity.close());
  const adapter = new NodeRedisAdapter(() => identity);
  const clients = Array.from({ length: 3 }, () =>
    createClient(adapter.client({ url: azure.redis.url, socket: { tls: true, ca: azure.caCertificate } })),
  );
  await Promise.all(clients.map((client) => client.connect()));
  context.onTestFinished(() => clients.forEach((client) => client.destroy()));

  for (let elapsedMs = 0; elapsedMs < 2 * 20 * MINUTE; elapsedMs += 1_000) {
    vi.setSystemTime(clock.now() + 1_000);
    await clock.advance(1_000);
    // Sockets move in real time: what is under way arrives before the clock goes on.
    while (identity.status.state === "refreshing") await new Promise(setImmediate);
    const newest = azure.events.findLast((event) => event.type === "tokenRequest");
    await azure.waitFor("login", (login) => login.tokenId === newest?.tokenId, { since: 0 });
    await Promise.all(clients.map((client) => client.ping()));
  }

  const logins = azure.events.filter((event) => event.type === "login");
  const live = new Set(logins.slice(0, 3).map((login) => login.connectionId));
  const issued = azure.events
    .filter((event) => event.type === "tokenRequest" && event.issued)
    .map((event) => event.atMs);
  const leadsMs: number[] = [];
  for (const connectionId of live) {
    const own = logins.filter((login) => login.connectionId === connectionId);
    // Every login of a connection has a token of its own: none was sent again.
    expect(new Set(own.map((login) => login.tokenId)).size).toBe(own.length);
    expect(own.length).toBeGreaterThanOrEqual(3);
    for (const [index, login] of own.slice(1).entries()) {
      leadsMs.push((issued[index] ?? 0) + 20 * MINUTE - login.atMs);
    }
  }
  record("11", { smallestLeadMs: Math.min(...leadsMs), tokenRequests: issued.length });
  expect(Math.min(...leadsMs)).toBeGreaterThanOrEqual(3 * MINUTE);
  expect(
    azure.events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired"),
  ).toEqual([]);
}, 120_000);
