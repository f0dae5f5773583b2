import { Redis } from "ioredis";
import { encodeCommand } from "resp-framing";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

const OK = "+OK\r\n";
const QUEUED = "+QUEUED\r\n";
const CROSSSLOT = /^-CROSSSLOT /;

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator({ redis: { cluster: { policy: "enterprise" } } });
});
afterEach(async () => {
  await (await admin()).call("FLUSHALL");
});
afterAll(() => azure.close());

let adminClient: Promise<RawClient> | undefined;
/** A connection to the server itself, past the gateway. */
function admin(): Promise<RawClient> {
  adminClient ??= direct("default", new URL(azure.redis.backendUrl).password);
  return adminClient;
}

async function direct(user: string, password: string): Promise<RawClient> {
  const client = await RawClient.connect({ port: Number(new URL(azure.redis.backendUrl).port) });
  expect(await client.call("AUTH", user, password)).toBe(OK);
  return client;
}

async function login(policy?: string, protocol: "2" | "3" = "2"): Promise<RawClient> {
  const identity =
    policy === undefined
      ? azure.systemIdentity
      : azure.addManagedIdentity({ kind: "user", accessPolicy: policy });
  const client = await RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });
  const token = await azure.issueToken(identity.objectId);
  expect(await client.call("HELLO", protocol, "AUTH", identity.objectId, token)).toMatch(/^[*%]/);
  return client;
}

describe("the Enterprise policy", () => {
  test("is one endpoint, without MOVED for any key", async () => {
    expect(azure.redis.nodes).toHaveLength(1);
    const redis = await connectRedis(azure, azure.userIdentity);
    await Promise.all(Array.from({ length: 500 }, (_, index) => redis.set(`key:${index}`, index)));
    expect(await redis.dbSize()).toBe(500);
    redis.destroy();
  });

  test.each([["INFO"], ["HELP"], ["KEYSLOT", "k"], ["NODES"], ["SLOTS"], ["SHARDS"], ["RESET"]])(
    "has no CLUSTER %s",
    async (...args) => {
      const client = await login();
      expect(await client.call("CLUSTER", ...args)).toMatch(
        /^-ERR unknown command 'CLUSTER', with args beginning with: '/,
      );
      client.close();
    },
  );

  test("has the limits of Azure Managed Redis", async () => {
    const client = await login();
    expect(await client.call("SELECT", "0")).toMatch(/^-ERR unknown command 'SELECT'/);
    expect(await client.call("CLIENT", "PAUSE", "1")).toMatch(/^-ERR unknown subcommand 'PAUSE'/);
    client.close();
  });

  test.each([
    [["SUNION", "a", "b"]],
    [["RENAME", "a", "b"]],
    [["MSETNX", "a", "1", "b", "2"]],
    [["SINTERCARD", "2", "a", "b"]],
    [["EVAL", "return 1", "2", "a", "b"]],
    [["BLPOP", "a", "b", "0"]],
  ])("refuses %j with CROSSSLOT", async (args) => {
    const client = await login();
    await client.call("SET", "a", "1");
    expect(await client.call(...args)).toMatch(CROSSSLOT);
    client.close();
  });

  test("takes such commands when the keys have one hash tag", async () => {
    const client = await login();
    expect(await client.call("MSETNX", "{t}a", "1", "{t}b", "2")).toBe(":1\r\n");
    expect(await client.call("MGET", "{t}a", "{t}b")).toBe("*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    client.close();
  });

  test("wants all of a transaction in one slot", async () => {
    const client = await login();
    client.send("MULTI").send("MGET", "a", "b").send("EXEC");
    const [multi, mget, exec] = await client.frames(3);
    expect(multi).toBe(OK);
    expect(mget).toMatch(CROSSSLOT);
    expect(exec).toMatch(/^-EXECABORT/);
    client.send("MULTI").send("SET", "a", "1").send("SET", "b", "1").send("EXEC");
    expect((await client.frames(4)).at(-1)).toMatch(CROSSSLOT);
    client.send("MULTI").send("MSET", "{t}a", "1", "{t}b", "2").send("EXEC").send("MGET", "{t}a", "x");
    expect(await client.frames(4)).toEqual([OK, QUEUED, "*1\r\n+OK\r\n", "*2\r\n$1\r\n1\r\n$-1\r\n"]);
    client.send("MULTI").send("DISCARD").send("EXISTS", "{t}a", "x");
    expect(await client.frames(3)).toEqual([OK, OK, ":1\r\n"]);
    client.close();
  });
});

describe.each(["2", "3"] as const)("across slots, in RESP%s,", (protocol) => {
  test("the six commands answer what they answer in one slot", async () => {
    const client = await login(undefined, protocol);
    const run = async (at: (key: string) => string): Promise<string[]> => {
      const replies = [];
      for (const args of [
        ["MSET", at("a"), "1", at("b"), "", at("a"), "3\r\n"],
        ["SADD", at("s"), "m"],
        ["MGET", at("a"), at("none"), at("b"), at("s"), at("a")],
        ["mget", at("none"), at("none2")],
        ["EXISTS", at("a"), at("a"), at("none"), at("b")],
        ["TOUCH", at("a"), at("b"), at("none")],
        ["DEL", at("a"), at("a"), at("none")],
        ["UNLINK", at("a"), at("b"), at("s")],
        ["MSET", at("a"), "1", at("b")],
        ["DEL"],
      ]) {
        replies.push(await client.call(...args));
      }
      return replies;
    };
    const apart = await run((key) => key);
    expect(apart).toEqual(await run((key) => `{t}${key}`));
    expect(apart[2]).toBe(
      protocol === "2"
        ? "*5\r\n$3\r\n3\r\n\r\n$-1\r\n$0\r\n\r\n$-1\r\n$3\r\n3\r\n\r\n"
        : "*5\r\n$3\r\n3\r\n\r\n_\r\n$0\r\n\r\n_\r\n$3\r\n3\r\n\r\n",
    );
    client.close();
  });

  test("bytes of every value pass", async () => {
    const client = await login(undefined, protocol);
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte));
    client.sendBytes(encodeCommand(["MSET", bytes, bytes, "b", "2"]));
    expect(await client.frames(1)).toEqual([OK]);
    client.sendBytes(encodeCommand(["MGET", bytes, "b"]));
    expect(await client.frames(1)).toEqual([`*2\r\n$256\r\n${bytes.toString("latin1")}\r\n$1\r\n2\r\n`]);
    client.close();
  });
});

describe("across slots", () => {
  test("a hundred thousand keys work, and more bytes than a login may have", async () => {
    const redis = await connectRedis(azure, azure.userIdentity);
    const keys = Array.from({ length: 100_000 }, (_, index) => `key:${index}`);
    await redis.mSet(Object.fromEntries(keys.map((key) => [key, key])));
    expect(await redis.mGet(keys)).toEqual(keys);
    expect(await redis.exists(keys)).toBe(keys.length);
    const long = "x".repeat(2_000_000);
    await redis.mSet({ a: long, b: long });
    expect(await redis.mGet(["a", "b"])).toEqual([long, long]);
    expect(await redis.unlink(keys)).toBe(keys.length);
    redis.destroy();
  });

  test("nobody sees half of an MSET", async () => {
    const [writer, reader] = await Promise.all([login(), login()]);
    for (let round = 0; round < 50; round++) {
      writer.send("MSET", "a", String(round), "b", String(round), "c", String(round));
      reader.send("MGET", "a", "b", "c");
    }
    await writer.frames(50);
    for (const frame of await reader.frames(50)) {
      const [, , first, , second, , third] = frame.split("\r\n");
      expect([second, third]).toEqual(
        frame.includes("$-1") ? [expect.anything(), undefined] : [first, first],
      );
    }
    writer.close();
    reader.close();
  });

  test("replies keep their order wherever a pipeline is cut", async () => {
    const client = await login();
    const stream = Buffer.concat([
      encodeCommand(["mset", "a", "1", "b", "2"]),
      Buffer.from('MGET a b\r\nEXISTS "a" b none\n'),
      encodeCommand(["SUNION", "a", "b"]),
      encodeCommand(["DEL", "a", "b"]),
      encodeCommand(["PING"]),
    ]);
    const check = async (cut: string): Promise<void> => {
      const frames = await client.frames(6);
      expect(frames[3], cut).toMatch(CROSSSLOT);
      expect(frames.toSpliced(3, 1), cut).toEqual([
        OK,
        "*2\r\n$1\r\n1\r\n$1\r\n2\r\n",
        ":2\r\n",
        ":2\r\n",
        "+PONG\r\n",
      ]);
    };
    for (let at = 1; at < stream.length; at++) {
      client.sendBytes(stream.subarray(0, at)).sendBytes(stream.subarray(at));
      await check(`cut at ${at}`);
    }
    for (const byte of stream) client.sendBytes(Buffer.of(byte));
    await check("byte by byte");
    client.close();
  });

  test("a server without memory says so, without a word about scripts", async () => {
    const server = await admin();
    const client = await login();
    await client.call("SET", "{t}", "x");
    await server.call("CONFIG", "SET", "maxmemory", "1");
    const apart = await client.call("MSET", "a", "1", "b", "2");
    const together = await client.call("MSET", "{t}a", "1", "{t}b", "2");
    await server.call("CONFIG", "SET", "maxmemory", "0");
    expect(apart).toBe(together);
    expect(apart).toMatch(/^-OOM /);
    client.close();
  });

  test("ioredis works", async () => {
    const { objectId } = azure.userIdentity;
    const redis = new Redis({
      host: "localhost",
      port: azure.redis.port,
      tls: { ca: azure.caCertificate },
      username: objectId,
      password: await azure.issueToken(objectId),
      retryStrategy: null,
    });
    expect(await redis.mset({ a: "1", b: "2" })).toBe("OK");
    expect(await redis.pipeline().mget("a", "b").del("a", "b").exists("a", "b").exec()).toEqual([
      [null, ["1", "2"]],
      [null, 2],
      [null, 0],
    ]);
    redis.disconnect();
  });
});

describe("across slots, an access policy", () => {
  test.each([
    "Data Reader",
    "Data Contributor",
    "Data Owner",
    "default",
    "+@read ~cache:*",
    "+mget ~*",
    "+@all -mset -@scripting ~*",
    "+@all -@write ~cache:*",
  ])("%s allows and refuses what it does in one slot, with the same words", async (policy) => {
    const client = await login(policy);
    const run = async (prefix: string, tag: string): Promise<string[]> => {
      const [a, b] = [`${prefix}${tag}a`, `${prefix}${tag}b`];
      const replies = [];
      for (const args of [
        ["MSET", a, "1", b, "2"],
        ["MGET", a, b],
        ["EXISTS", a, b],
        ["TOUCH", a, b],
        ["UNLINK", a],
        ["UNLINK", a, b],
        ["DEL", a, b],
      ]) {
        replies.push(await client.call(...args));
      }
      return replies;
    };
    for (const prefix of ["cache:", "other:"]) {
      expect(await run(prefix, "")).toEqual(await run(prefix, "{t}"));
    }
    client.close();
  });

  test("that forbids one of the keys leaves the others as they are", async () => {
    const client = await login("+@all ~cache:*");
    expect(await client.call("MSET", "cache:a", "1", "cache:b", "2", "other", "3")).toMatch(/^-NOPERM /);
    expect(await client.call("DEL", "cache:a", "other")).toMatch(/^-NOPERM /);
    expect(await client.call("EXISTS", "cache:a", "cache:b")).toBe(":0\r\n");
    client.close();
  });

  test("without scripts still has none", async () => {
    const client = await login("Data Reader");
    expect(await client.call("EVAL", "return redis.call('GET', 'a')", "0")).toMatch(/^-NOPERM /);
    expect(await client.call("EVAL", "return 1", "0")).toMatch(/^-NOPERM /);
    client.close();
  });

  test("can change on a live connection, and survives a restart of the server", async () => {
    const identity = azure.addManagedIdentity({ kind: "user", accessPolicy: "Data Reader" });
    const redis = await connectRedis(azure, identity);
    await expect(redis.mSet({ a: "1", b: "2" })).rejects.toThrow("NOPERM");
    await azure.assign(identity.objectId, "Data Contributor");
    expect(await redis.mSet({ a: "1", b: "2" })).toBe("OK");
    redis.destroy();
    (await admin()).close();
    adminClient = undefined;
    await azure.redis.restart();
    const again = await connectRedis(azure, identity);
    expect(await again.mGet(["a", "b"])).toEqual(["1", "2"]);
    again.destroy();
  });
});

describe("the options", () => {
  test.each([
    [{ cluster: { policy: "enterprise", masters: 3 } }, /Leave out "redis.cluster.masters"/],
    [{ cluster: { policy: "enterprise", replicas: 1 } }, /Leave out "redis.cluster.replicas"/],
    [{ cluster: { policy: "enterprise", announce: "ip" } }, /Leave out "redis.cluster.announce"/],
    [{ cluster: { policy: "enterprise" }, product: "cacheForRedis" }, /goes with "redis.product"/],
    [{ cluster: { policy: "none" as "oss" } }, /"redis.cluster.policy" must be "oss" or "enterprise"/],
  ] as const)("%j contradict each other", async (redis, message) => {
    await expect(startEmulator({ redis })).rejects.toThrow(message);
  });
});
