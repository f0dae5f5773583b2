import { Redis } from "ioredis";
import { encodeCommand } from "resp-framing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

const OK = "+OK\r\n";
const QUEUED = "+QUEUED\r\n";
const PONG = "+PONG\r\n";

async function rawLogin(azure: Emulator): Promise<RawClient> {
  const client = await RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });
  const { objectId } = azure.systemIdentity;
  expect(await client.call("AUTH", objectId, await azure.issueToken(objectId))).toBe(OK);
  return client;
}

/** What the server itself says to a command that nobody has, with the name of another one in its place. */
async function unknown(azure: Emulator, args: readonly string[]): Promise<string> {
  const [name, ...rest] = args;
  const url = new URL(azure.redis.backendUrl);
  const direct = await RawClient.connect({ port: Number(url.port) });
  await direct.call("AUTH", url.password);
  const reply = await direct.call("NOBODYHASTHIS", ...rest);
  direct.close();
  return reply.replace("NOBODYHASTHIS", name!);
}

describe("Azure Managed Redis", () => {
  let azure: Emulator;
  let client: RawClient;
  beforeAll(async () => {
    azure = await startEmulator({ redis: { product: "managedRedis" } });
    client = await rawLogin(azure);
  });
  afterAll(() => azure.close());

  test.each([
    [["SELECT", "0"]],
    [["select", "1"]],
    [["RESET"]],
    [["READONLY"]],
    [["ReadWrite"]],
    [["MOVE", "k", "1"]],
    [["SWAPDB", "0", "1"]],
    [["BGSAVE", "SCHEDULE"]],
    [["SHUTDOWN", "NOSAVE"]],
    [["PSYNC", "?", "-1"]],
    [["REPLCONF", "listening-port", "1"]],
    [["ROLE"]],
    [["MIGRATE", "127.0.0.1", "1", "k", "0", "1"]],
  ])("answers %j as the server answers an unknown command", async (args) => {
    expect(await client.call(...args)).toBe(await unknown(azure, args));
    expect(await client.call("PING")).toBe(PONG);
  });

  test.each([
    ["CLIENT", "PAUSE", "100000"],
    ["client", "no-evict", "on"],
    ["CLIENT", "GETREDIR"],
    ["CLIENT", "REPLY", "OFF"],
    ["CLUSTER", "MYID"],
    ["CLUSTER", "REPLICAS", "x"],
    ["CLUSTER", "RESET"],
    ["MODULE", "LOAD", "x.so"],
    ["ACL", "SETUSER", "me"],
    ["MEMORY", "PURGE"],
  ])("answers %s %s as the server answers an unknown subcommand", async (...args) => {
    const expected = `-ERR unknown subcommand '${args[1]}'. Try ${args[0].toUpperCase()} HELP.\r\n`;
    expect(await client.call(...args)).toBe(expected);
    expect(await client.call("PING")).toBe(PONG);
  });

  test("leaves the rest alone, and FLUSHALL too", async () => {
    expect(await client.call("SET", "select", "reset")).toBe(OK);
    expect(await client.call("CLIENT", "SETNAME", "PAUSE")).toBe(OK);
    expect(await client.call("CLIENT", "ID")).toMatch(/^:/);
    expect(await client.call("ACL", "WHOAMI")).toContain(azure.systemIdentity.objectId);
    expect(await client.call("MODULE", "LIST")).toMatch(/^\*/);
    expect(await client.call("FLUSHALL")).toBe(OK);
    expect(await client.call("FLUSHDB")).toBe(OK);
  });

  test("has one database only, for commands that name another one as well", async () => {
    await client.call("SET", "k", "v");
    expect(await client.call("COPY", "k", "l", "DB", "1")).toMatch(/^-ERR.*out of range/);
  });

  test("aborts a transaction in which such a command is", async () => {
    client.send("SET", "k", "before").send("MULTI").send("SET", "k", "1").send("SELECT", "1").send("EXEC");
    const [, multi, set, select, exec] = await client.frames(5);
    expect([multi, set]).toEqual([OK, QUEUED]);
    expect(select).toBe(await unknown(azure, ["SELECT", "1"]));
    expect(exec).toMatch(/^-EXECABORT/);
    expect(await client.call("GET", "k")).toBe("$6\r\nbefore\r\n");
    client.send("MULTI").send("client", "pause", "1").send("EXEC");
    expect((await client.frames(3))[2]).toMatch(/^-EXECABORT/);
  });

  test("keeps the order of replies wherever the stream is cut, with logins and inline commands in it", async () => {
    const { objectId } = azure.systemIdentity;
    const token = await azure.issueToken(objectId);
    const stream = Buffer.concat([
      encodeCommand(["ECHO", "first"]),
      encodeCommand(["seLect", "7"]),
      encodeCommand(["AUTH", objectId, token]),
      Buffer.from('SELECT "1"\r\nreset\nECHO SELECT\n'),
      encodeCommand(["CLIENT", "reply", "off"]),
      encodeCommand(["SUBSCRIBE", "c"]),
      encodeCommand(["RESET"]),
      encodeCommand(["UNSUBSCRIBE", "c"]),
      encodeCommand(["CLIENT", "PAUSE", "100000", "ALL"]),
      encodeCommand(["ECHO", "last"]),
    ]);
    const expected = [
      "$5\r\nfirst\r\n",
      await unknown(azure, ["seLect", "7"]),
      OK,
      await unknown(azure, ["SELECT", "1"]),
      await unknown(azure, ["reset"]),
      "$6\r\nSELECT\r\n",
      "-ERR unknown subcommand 'reply'. Try CLIENT HELP.\r\n",
      "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
      await unknown(azure, ["RESET"]),
      "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n",
      "-ERR unknown subcommand 'PAUSE'. Try CLIENT HELP.\r\n",
      "$4\r\nlast\r\n",
    ];
    // The token makes no difference where it is cut: its bytes are left out, all but some.
    const tokenAt = stream.indexOf(token);
    for (let at = 1; at < stream.length; at++) {
      if (at > tokenAt + 3 && at < tokenAt + token.length - 3) continue;
      // Each write is a TLS record of its own, and arrives as one.
      client.sendBytes(stream.subarray(0, at)).sendBytes(stream.subarray(at));
      expect(await client.frames(expected.length), `cut at ${at}`).toEqual(expected);
    }
    for (const byte of stream) client.sendBytes(Buffer.of(byte));
    expect(await client.frames(expected.length)).toEqual(expected);
  });

  test("is no obstacle to node-redis, and its SELECT fails", async () => {
    const redis = await connectRedis(azure, azure.userIdentity);
    await redis.set("k", "v");
    expect(await redis.get("k")).toBe("v");
    await expect(redis.select(1)).rejects.toThrow("ERR unknown command 'SELECT'");
    await expect(redis.multi().set("k", "w").addCommand(["RESET"]).exec()).rejects.toThrow();
    expect(await redis.get("k")).toBe("v");
    redis.destroy();
  });

  test("is no obstacle to ioredis, and its database 1 fails", async () => {
    const { objectId } = azure.userIdentity;
    const redis = new Redis({
      host: "localhost",
      port: azure.redis.port,
      tls: { ca: azure.caCertificate },
      username: objectId,
      password: await azure.issueToken(objectId),
      retryStrategy: null,
    });
    expect(await redis.set("k", "v")).toBe("OK");
    await expect(redis.select(1)).rejects.toThrow("ERR unknown command 'select'");
    const [first, refused, last] = (await redis.pipeline().get("k").call("RESET").get("k").exec())!;
    expect([first, last]).toEqual([
      [null, "v"],
      [null, "v"],
    ]);
    expect(refused![0]?.message).toContain("unknown command 'RESET'");
    redis.disconnect();
  });

  test("does not stop a login that comes with HELLO", async () => {
    const { objectId } = azure.userIdentity;
    const raw = await RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });
    const token = await azure.issueToken(objectId);
    expect(await raw.call("HELLO", "3", "AUTH", objectId, token, "SETNAME", "select")).toMatch(/^%/);
    expect(await raw.call("SELECT", "0")).toBe(await unknown(azure, ["SELECT", "0"]));
    expect(await raw.call("CLIENT", "GETNAME")).toContain("select");
    raw.close();
  });
});

describe("Azure Cache for Redis", () => {
  test("blocks its own list, and has databases", async () => {
    await using azure = await startEmulator({ redis: { product: "cacheForRedis" } });
    const client = await rawLogin(azure);
    for (const args of [
      ["CONFIG", "GET", "*"],
      ["SLAVEOF", "NO", "ONE"],
      ["DEBUG", "SLEEP", "9"],
      ["save"],
    ]) {
      expect(await client.call(...args)).toBe(await unknown(azure, args));
    }
    expect(await client.call("CLUSTER", "RESET")).toMatch(/^-ERR unknown subcommand 'RESET'/);
    expect(await client.call("SELECT", "1")).toBe(OK);
    expect(await client.call("RESET")).toBe("+RESET\r\n");
    client.close();
  });
});

describe("no product", () => {
  test("blocks nothing", async () => {
    await using azure = await startEmulator();
    const client = await rawLogin(azure);
    expect(await client.call("SELECT", "1")).toBe(OK);
    expect(await client.call("CONFIG", "GET", "maxmemory")).toMatch(/^\*2/);
    expect(await client.call("RESET")).toBe("+RESET\r\n");
    client.close();
  });

  test("is what other names are not", async () => {
    const product = "managed" as "managedRedis";
    await expect(startEmulator({ redis: { product } })).rejects.toThrow(
      '"redis.product" must be "managedRedis" or "cacheForRedis"; got "managed".',
    );
  });
});
