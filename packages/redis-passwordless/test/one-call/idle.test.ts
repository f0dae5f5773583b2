import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, test } from "vitest";
import { IoRedisAdapter } from "../../src/adapters/ioredis/index.js";
import { NodeRedisAdapter } from "../../src/adapters/node-redis/index.js";
import { createIdentity } from "../../src/azure/entra-id.js";
import { AzureNodeRedis } from "../../src/one-call/node-redis.js";
import type { Identity } from "../../src/reauth/identity.js";
import { NODE_REDIS } from "../support/cache.js";
import { type Client, IOREDIS } from "../support/io-cache.js";

// Azure closes connections that are silent for 10 minutes. Here it takes 1.5 s, and a PING comes after 0.3 s of silence
// instead of a minute. How long to watch, a client without PING tells: it has to be closed twice.

const IDLE_TIMEOUT_MS = 1_500;
const PING_INTERVAL_MS = 300;

let azure: Emulator;
let identity: Identity;
beforeAll(async () => {
  azure = await startEmulator({ gateway: { idleTimeoutMs: IDLE_TIMEOUT_MS } });
  identity = createIdentity({ managedIdentity: true }, { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost });
});
afterAll(async () => {
  await identity.close();
  await azure.close();
});

/** Resolves when a client has become ready so many times. */
async function readyTimes(
  client: { on(event: "ready", listener: () => void): unknown },
  times: number,
): Promise<void> {
  let count = 0;
  await new Promise<void>((resolve) => {
    client.on("ready", () => {
      count += 1;
      if (count === times) resolve();
    });
  });
}

const idleCloses = () =>
  azure.events.filter((event) => event.type === "disconnected" && event.reason === "idle").length;

describe.concurrent("a silent client stays connected by its PING, and only by that", () => {
  test.for(NODE_REDIS)("%s", async ([, redis], { expect, onTestFinished }) => {
    const azureRedis = new AzureNodeRedis(new NodeRedisAdapter(() => identity), { env: {} });
    const make = (pingInterval: number) => {
      const socket = { ca: azure.caCertificate };
      const options = azureRedis.client({ url: azure.redis.url, socket, pingInterval }, { identity });
      const client = redis.createClient(options).on("error", () => {});
      onTestFinished(() => client.destroy());
      return client;
    };
    const [pinging, silent] = [make(PING_INTERVAL_MS), make(0)];
    const closedTwice = readyTimes(silent, 3);
    await Promise.all([pinging.connect(), silent.connect()]);
    const before = await Promise.all([pinging.clientId(), silent.clientId()]);
    await closedTwice;
    expect(await pinging.clientId()).toBe(before[0]);
    expect(await silent.clientId()).not.toBe(before[1]);
    expect(idleCloses()).toBeGreaterThanOrEqual(2);
  });

  test.for(IOREDIS)("%s", async ([, { Redis }], { expect, onTestFinished }) => {
    const adapter = new IoRedisAdapter(() => identity);
    const make = (pingIntervalMs: number | undefined): Client => {
      const { host, port } = azure.redis;
      const options = { host, port, tls: { ca: azure.caCertificate }, lazyConnect: true };
      const client = adapter.redis(Redis, options, {}, { pingIntervalMs }).on("error", () => {});
      onTestFinished(() => client.disconnect());
      return client;
    };
    const [pinging, silent] = [make(PING_INTERVAL_MS), make(undefined)];
    const closedTwice = readyTimes(silent, 3);
    await Promise.all([pinging.connect(), silent.connect()]);
    const before = await Promise.all([pinging.client("ID"), silent.client("ID")]);
    await closedTwice;
    expect(await pinging.client("ID")).toBe(before[0]);
    expect(await silent.client("ID")).not.toBe(before[1]);
    expect(idleCloses()).toBeGreaterThanOrEqual(2);
  });
});
