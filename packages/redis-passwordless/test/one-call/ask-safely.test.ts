import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import * as ioredis from "ioredis";
import * as redis from "redis";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity, defaultIdentity } from "../../src/azure/entra-id.js";
import { AzureIoRedis } from "../../src/one-call/ioredis.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";

// `azureRedisClient` logs in by itself before there is a client: with the same care as a client.

type Ending = Pick<TestContext, "onTestFinished">;

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator();
});
afterAll(() => azure.close());

function identityOf(context: Ending) {
  const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost };
  const { clientId } = azure.userIdentity;
  const identity = createIdentity({ managedIdentity: { clientId } }, env);
  context.onTestFinished(() => identity.close());
  return identity;
}

/** A server that is nobody's cache, and how many connections it has seen. */
async function stranger(context: Ending) {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on("error", () => {}).destroy();
  }).listen(0);
  await once(server, "listening");
  context.onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const nodeRedis = new AzureNodeRedis(new NodeRedisAdapter(defaultIdentity), { env: {} });
const io = new AzureIoRedis(new IoRedisAdapter(defaultIdentity), { env: {} });

const ASKING = [
  ["node-redis", (socket: object, settings: object) => nodeRedis.either(redis, { socket }, settings)],
  ["ioredis", (tls: object, settings: object) => io.either(ioredis, { tls, lazyConnect: true }, settings)],
] as const;

test.for(ASKING)("%s: a server that is not to be verified is not even asked", async ([, either], context) => {
  const { port, connections } = await stranger(context);
  const settings = { endpoint: `localhost:${port}`, identity: identityOf(context) };
  // The setting is refused: this test proves it.
  const unverified = { ["rejectUnauthorized" as string]: false };
  await expect(either(unverified, settings)).rejects.toMatchObject({
    code: "ERR_PASSWORDLESS_INVALID_OPTION",
  });
  expect(connections()).toBe(0);
});

test.for([
  ["node-redis", (settings: object) => nodeRedis.either(redis, {}, settings)],
  ["ioredis", (settings: object) => io.either(ioredis, { tls: null }, settings)],
] as const)("%s: no token is sent in clear text over a network", async ([, either], context) => {
  const { port, connections } = await stranger(context);
  // Another address of this machine; only its loopback addresses count as the machine itself.
  const settings = { endpoint: `redis://0.0.0.0:${port}`, identity: identityOf(context) };
  await expect(either(settings)).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_PLAINTEXT_REFUSED" });
  expect(connections()).toBe(0);
});

test.for(ASKING)(
  "%s: where the options switch TLS on, the question is encrypted too",
  async ([, either], context) => {
    const settings = { endpoint: `redis://localhost:${azure.redis.port}`, identity: identityOf(context) };
    await expect(either({ tls: true, ca: azure.caCertificate }, settings)).resolves.toBeDefined();
  },
);

test("a connectTimeout of 0, which switches the client's off, leaves Azure's", async (context) => {
  const socket = { ca: azure.caCertificate, connectTimeout: 0 };
  const settings = { endpoint: `localhost:${azure.redis.port}`, identity: identityOf(context) };
  const client = (await nodeRedis.either(redis, { socket }, settings)) as ReturnType<
    typeof redis.createClient
  >;
  expect(client.isOpen).toBe(false);
});
