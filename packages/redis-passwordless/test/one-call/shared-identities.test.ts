import { startEmulator } from "azure-redis-emulator";
import * as ioredis from "ioredis";
import * as redis from "redis";
import { expect, test, vi } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { azureConnection } from "../../src/azure/connection.js";
import { defaultIdentity, type EntraIdOptions } from "../../src/azure/entra-id.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import { sharedIdentity } from "../../src/one-call/shared-identities.js";
import { ManualClock } from "../../src/testing/index.js";
import { CLIENT, SECRET, TENANT } from "../identity/support.js";
import type { Variables } from "./support.js";

const HOST = "c.westus3.redis.azure.net";
const OTHER = "44444444-4444-4444-8444-444444444444";
const PRINCIPAL = {
  AZURE_REDIS_HOST: HOST,
  AZURE_REDIS_CLIENTID: CLIENT,
  AZURE_REDIS_CLIENTSECRET: SECRET,
  AZURE_REDIS_TENANTID: TENANT,
};
const keyed = (key: string): Variables => ({
  AZURE_REDIS_CONNECTIONSTRING: `rediss://:${key}@c.redis.cache.windows.net:6380/0`,
});

const APPLICATION = { tenantId: TENANT, clientId: CLIENT, clientSecret: SECRET };

const identityOf = (env: Variables, options: Parameters<typeof azureConnection>[0] = {}) =>
  sharedIdentity(azureConnection(options, env).login, env);

const warnings: (Error & { code?: string })[] = [];
process.on("warning", (warning) => warnings.push(warning));

test.each<[string, Variables]>([
  ["a service principal", PRINCIPAL],
  ["a managed identity", { AZURE_REDIS_HOST: HOST, AZURE_REDIS_CLIENTID: CLIENT }],
  ["an access key", keyed("key1")],
])("%s is one identity in all calls, and made anew after it was closed", async (_, env) => {
  const identity = identityOf(env);
  expect(identityOf({ ...env })).toBe(identity);
  await identity.close();
  const next = identityOf(env);
  expect(next).not.toBe(identity);
  expect(next.status.state).toBe("idle");
  expect(identityOf(env)).toBe(next);
});

test("what the environment alone decides is the identity that all adapters share", () => {
  expect(identityOf({ AZURE_REDIS_HOST: HOST })).toBe(defaultIdentity());
});

test.each<[string, Variables, Variables]>([
  ["client ID", PRINCIPAL, { ...PRINCIPAL, AZURE_REDIS_CLIENTID: OTHER }],
  ["secret", PRINCIPAL, { ...PRINCIPAL, AZURE_REDIS_CLIENTSECRET: "another" }],
  ["access key", keyed("key1"), keyed("key2")],
  [
    "cloud",
    { AZURE_REDIS_HOST: HOST, AZURE_REDIS_CLIENTID: CLIENT },
    { AZURE_REDIS_HOST: "c.usgovvirginia.redis.usgovcloudapi.net", AZURE_REDIS_CLIENTID: CLIENT },
  ],
])("another %s is another identity", (_, one, other) => {
  expect(identityOf(one)).not.toBe(identityOf(other));
});

test.each<[string, () => EntraIdOptions]>([
  ["credentials", () => ({ credential: { getToken: () => Promise.resolve(null) } })],
  [
    "identity providers",
    () => ({ identityProvider: { requestToken: () => ({ token: "", expiresAtMs: 0 }) } }),
  ],
  ["functions", () => ({ managedIdentity: true, random: () => 0 })],
  ["clocks", () => ({ ...APPLICATION, clock: new ManualClock() })],
])("%s of the caller's are never taken for equal", (_, entraId) => {
  const env = { AZURE_REDIS_HOST: HOST };
  expect(identityOf(env, { entraId: entraId() })).not.toBe(identityOf(env, { entraId: entraId() }));
});

test("the order of options makes no difference", () => {
  const env = { AZURE_REDIS_HOST: HOST };
  const { tenantId, clientId, clientSecret } = APPLICATION;
  const one = identityOf(env, { entraId: { tenantId, clientId, clientSecret, retry: { maxAttempts: 3 } } });
  expect(identityOf(env, { entraId: { retry: { maxAttempts: 3 }, clientSecret, clientId, tenantId } })).toBe(
    one,
  );
});

test("access keys are warned of once, without showing one", async () => {
  identityOf(keyed("key3"));
  identityOf(keyed("key4"));
  const ofKeys = () => warnings.filter(({ code }) => code === "PASSWORDLESS_ACCESS_KEY");
  await vi.waitFor(() => expect(ofKeys()).toHaveLength(1));
  expect(String(ofKeys()[0])).not.toMatch(/key\d/);
});

test("clients of two calls and two libraries request one token", async (context) => {
  const azure = await startEmulator();
  context.onTestFinished(() => azure.close());
  // The authority's certificate is the emulator's own, which an in-process test has to name.
  const entraId = {
    tenantId: azure.tenantId,
    clientId: azure.servicePrincipal.clientId,
    clientSecret: azure.servicePrincipal.secret ?? "",
    authorityHost: azure.authorityHost,
    ca: azure.caCertificate,
  };
  const env = { AZURE_REDIS_HOST: `localhost:${azure.redis.port}` };
  const tls = { ca: azure.caCertificate };
  const nodeRedis = new AzureNodeRedis(new NodeRedisAdapter(defaultIdentity), { env });
  const io = new AzureIoRedis(new IoRedisAdapter(defaultIdentity), { env });
  const one = redis.createClient(nodeRedis.client({ socket: tls }, { entraId: { ...entraId } }));
  const two = redis.createClient(nodeRedis.client({ socket: tls }, { entraId: { ...entraId } }));
  const three = io.redis(ioredis.Redis, { tls }, { entraId: { ...entraId } }) as ioredis.Redis;
  context.onTestFinished(async () => {
    for (const client of [one, two]) if (client.isOpen) client.destroy();
    three.disconnect();
    await sharedIdentity(azureConnection({ entraId }, env).login, env).close();
  });
  await Promise.all([one.connect(), two.connect(), three.ping()]);
  expect(azure.counters.tokenRequests).toBe(1);
  expect(azure.counters.loginsAccepted).toBeGreaterThanOrEqual(3);
});
