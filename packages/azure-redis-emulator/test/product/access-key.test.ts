import { inspect } from "node:util";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

const OK = "+OK\r\n";
const WRONGPASS = /^-WRONGPASS /;
const ID = "accessKey";

describe("with an access key", () => {
  let azure: Emulator;
  let key: string;
  beforeAll(async () => {
    azure = await startEmulator({ redis: { accessKey: true } });
    key = azure.redis.accessKey!;
  });
  afterAll(() => azure.close());

  function connect(): Promise<RawClient> {
    return RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });
  }

  test.each([
    ["AUTH key", (secret: string) => ["AUTH", secret]],
    ["AUTH default key", (secret: string) => ["AUTH", "default", secret]],
    ["HELLO 3 AUTH default key", (secret: string) => ["HELLO", "3", "AUTH", "default", secret]],
  ])("%s logs in to everything, and a wrong key does not", async (_, command) => {
    const client = await connect();
    expect(await client.call(...command(`${key}x`))).toMatch(WRONGPASS);
    expect(await client.call("PING")).toMatch(/^-NOAUTH/);
    const since = azure.events.length;
    expect(await client.call(...command(key))).toMatch(/^(\+OK|%)/);
    expect(await client.call("SET", "k", "v")).toBe(OK);
    expect(await client.call("CONFIG", "GET", "port")).toContain("port");
    const login = await azure.waitFor("login", ({ accepted }) => accepted, { since });
    expect(login).toMatchObject({ objectId: ID });
    client.close();
  });

  test("the connection has no end, whatever the clock says, until somebody logs in with a token", async () => {
    const client = await connect();
    await client.call("AUTH", key);
    azure.setClockOffset(1_000_000_000);
    // A connection whose token has ended is closed before this one is.
    const token = await azure.issueToken(azure.userIdentity.objectId, {
      exp: Math.floor(Date.now() / 1000) + 1_000_003,
    });
    const since = azure.events.length;
    const other = await connectRedis(azure, azure.userIdentity, token);
    azure.setClockOffset(2_000_000_000);
    await azure.waitFor("disconnected", ({ reason }) => reason === "tokenExpired", { since });
    expect(await client.call("PING")).toBe("+PONG\r\n");
    azure.setClockOffset(0);
    other.destroy();
    const since2 = azure.events.length;
    const { objectId } = azure.systemIdentity;
    expect(await client.call("AUTH", objectId, await azure.issueToken(objectId))).toBe(OK);
    azure.setClockOffset(10_000_000);
    await azure.waitFor("disconnected", ({ reason }) => reason === "tokenExpired", { since: since2 });
    azure.setClockOffset(0);
    await client.closed;
  });

  test("works without TLS, where tokens do not", async () => {
    const client = await RawClient.connect({ port: azure.redis.plaintextPort });
    const { objectId } = azure.systemIdentity;
    expect(await client.call("AUTH", objectId, await azure.issueToken(objectId))).toMatch(WRONGPASS);
    expect(await client.call("AUTH", key)).toBe(OK);
    client.close();
  });

  test("tokens work as before", async () => {
    (await connectRedis(azure, azure.systemIdentity)).destroy();
  });

  test("faults and killed connections can be about it alone", async () => {
    const fault = azure.redis.injectFault({ kind: "refuse" }, { objectId: ID, times: 1 });
    const client = await connect();
    expect(await client.call("AUTH", key)).toMatch(WRONGPASS);
    expect(fault.applied).toBe(1);
    expect(await client.call("AUTH", key)).toBe(OK);
    expect(azure.redis.killConnections({ objectId: ID })).toBe(1);
    await client.closed;
  });

  test("is a random one of 44 characters, and nowhere to be seen", async () => {
    expect(key).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    const client = await connect();
    expect(await client.call("AUTH", key, key)).toMatch(WRONGPASS);
    expect(await client.call("AUTH", `${key}${key}`)).toMatch(WRONGPASS);
    const answers = await Promise.all(
      ["/", "/identities", "/env", "/events"].map((path) => fetch(azure.controlUrl + path)),
    );
    const texts = await Promise.all(answers.map((answer) => answer.text()));
    const seen = [
      ...texts,
      JSON.stringify(azure.events),
      JSON.stringify(azure.redis),
      inspect(azure, { depth: 9 }),
    ];
    for (const text of [...seen, JSON.stringify(azure.env())]) expect(text.includes(key)).toBe(false);
    client.close();
  });

  test("Service Connector's connection string has it, and opens the cache", async () => {
    const env = azure.env(azure.systemIdentity, { serviceConnector: true, accessKey: true });
    expect(env).toHaveProperty("AZURE_REDIS_CONNECTIONSTRING");
    expect(env).not.toHaveProperty("AZURE_REDIS_HOST");
    const client = createClient({
      url: env["AZURE_REDIS_CONNECTIONSTRING"]!,
      socket: { tls: true, ca: azure.caCertificate, reconnectStrategy: false },
    });
    await client.connect();
    expect(await client.ping()).toBe("PONG");
    client.destroy();
  });
});

test("a key of one's own works", async () => {
  await using azure = await startEmulator({ redis: { accessKey: "chosen" } });
  expect(azure.redis.accessKey).toBe("chosen");
  const client = await RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });
  expect(await client.call("AUTH", "chosen")).toBe(OK);
  client.close();
});

test("without one only tokens log in", async () => {
  await using azure = await startEmulator();
  expect(azure.redis.accessKey).toBeUndefined();
  const client = await RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });
  expect(await client.call("AUTH", "some-key")).toMatch(WRONGPASS);
  expect(await client.call("AUTH", "default", "some-key")).toMatch(WRONGPASS);
  const { events } = azure;
  expect(JSON.stringify(events)).not.toContain("some-key");
  expect(() => azure.env(azure.systemIdentity, { serviceConnector: true, accessKey: true })).toThrow(
    'wants "redis.accessKey" at the start',
  );
  client.close();
});

test.each(["", "two words", 7])("%j is no key, and the message does not have it", async (accessKey) => {
  const start = startEmulator({ redis: { accessKey: accessKey as string } });
  await expect(start).rejects.toThrow(/^"redis.accessKey" must be true, .*without spaces\.$/);
});
