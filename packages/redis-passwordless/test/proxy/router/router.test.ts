import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { encodeCommand } from "resp-framing";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { hashSlot } from "../../../src/topology/hash-slot.js";
import type { Wire } from "../shared/wire.js";
import { RoutedCache } from "./routed.js";

let cache: RoutedCache;

beforeAll(async () => {
  cache = await RoutedCache.start();
}, 60_000);

afterAll(() => cache[Symbol.asyncDispose]());

beforeEach(async () => {
  const client = await cache.client();
  await client.say("FLUSHALL");
  client.close();
});

/** Keys of which each is on another node. */
function keysApart(): [string, string, string] {
  const nodes = new Map<string, string>();
  for (let index = 0; nodes.size < 3; index += 1) {
    const key = `key${index}`;
    const { port } = cache.cluster.nodeOf(hashSlot(key)).address;
    if (!nodes.has(String(port))) nodes.set(String(port), key);
  }
  return [...nodes.values()] as [string, string, string];
}

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

describe("commands with keys", () => {
  test("reach the nodes of their keys, and are answered in their order", async () => {
    const client = await cache.client();
    const lines = Array.from({ length: 500 }, (_, index) => [
      `SET k${index} ${index}`,
      `GET k${index}`,
    ]).flat();
    client.write(...lines);
    const frames = await client.take(1_000);
    expect(frames.filter((_, at) => at % 2 === 1)).toEqual(
      Array.from({ length: 500 }, (_, index) => bulk(String(index))),
    );
    const sizes = await Promise.all([0, 1, 2].map((node) => cache.onServer<number>(node, "DBSIZE")));
    expect(sizes.every((size) => size > 100)).toBe(true);
    expect(await client.say("DBSIZE")).toBe(":500\r\n");
    client.close();
  });

  test("are divided where each key may be asked for by itself", async () => {
    const client = await cache.client();
    const [a, b, c] = keysApart();
    client.write(
      `MSET ${a} 1 ${b} 2 ${c} 3`,
      `MGET ${c} none ${a} ${b} ${c}`,
      `EXISTS ${a} ${b} none ${a}`,
      `TOUCH ${a} ${b}`,
      `DEL ${a} ${c} none`,
      `UNLINK ${a} ${b}`,
      `MGET ${a} ${b} ${c}`,
      "MSET odd 1 2",
      "MGET",
    );
    expect(await client.take(9)).toEqual([
      "+OK\r\n",
      `*5\r\n${bulk("3")}$-1\r\n${bulk("1")}${bulk("2")}${bulk("3")}`,
      ":3\r\n",
      ":2\r\n",
      ":2\r\n",
      ":1\r\n",
      "*3\r\n$-1\r\n$-1\r\n$-1\r\n",
      "-ERR wrong number of arguments for 'mset' command\r\n",
      "-ERR wrong number of arguments for 'mget' command\r\n",
    ]);
    client.close();
  });

  test("are refused as by a cluster where they need keys of several slots", async () => {
    const client = await cache.client();
    const [a, b] = keysApart();
    client.write(
      `SUNION ${a} ${b}`,
      `EVAL return#1 2 ${a} ${b}`,
      `BLPOP ${a} ${b} 0`,
      `RENAME ${a} ${b}`,
      "PING",
    );
    const frames = await client.take(5);
    expect(frames.slice(0, 4)).toEqual(
      Array(4).fill("-CROSSSLOT Keys in request don't hash to the same slot\r\n"),
    );
    expect(frames[4]).toBe("+PONG\r\n");
    client.close();
  });

  test("EVAL goes to the node of its keys, and a script is loaded on every node", async () => {
    const client = await cache.client();
    const keys = keysApart();
    for (const key of keys) {
      await client.ask("EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", key, "v");
      expect(await client.say(`GET ${key}`)).toBe(bulk("v"));
    }
    const sha = (await client.ask("SCRIPT", "LOAD", "return redis.call('GET', KEYS[1])"))
      .toString()
      .split("\r\n")[1];
    for (const key of keys) expect(await client.say(`EVALSHA ${sha} 1 ${key}`)).toBe(bulk("v"));
    expect(await client.say(`SCRIPT EXISTS ${sha} none`)).toBe("*2\r\n:1\r\n:0\r\n");
    client.close();
  });
});

describe("commands about the whole", () => {
  test("see every node: KEYS, SCAN, RANDOMKEY, DBSIZE, FLUSHALL", async () => {
    const client = await cache.client();
    const names = Array.from({ length: 200 }, (_, index) => `k${index}`);
    client.write(...names.map((name) => `SET ${name} v`));
    await client.take(200);
    const keys = (await client.say("KEYS k*")).split("\r\n").filter((line) => line.startsWith("k"));
    expect(keys.sort()).toEqual([...names].sort());
    const seen = new Set<string>();
    let cursor = "0";
    do {
      const lines = (await client.say(`SCAN ${cursor} MATCH k* COUNT 7`)).split("\r\n");
      cursor = lines[2] ?? "";
      for (const line of lines.slice(4)) if (line.startsWith("k")) seen.add(line);
    } while (cursor !== "0");
    expect([...seen].sort()).toEqual([...names].sort());
    expect(await client.say("RANDOMKEY")).toMatch(/^\$\d\r\nk\d+\r\n$/);
    client.write("SCAN x", "SCAN", "DBSIZE", "FLUSHALL", "DBSIZE", "RANDOMKEY");
    expect(await client.take(6)).toEqual([
      "-ERR invalid cursor\r\n",
      "-ERR wrong number of arguments for 'scan' command\r\n",
      ":200\r\n",
      "+OK\r\n",
      ":0\r\n",
      "$-1\r\n",
    ]);
    client.close();
  });

  test("say that this is no cluster", async () => {
    const client = await cache.client();
    expect(await client.say("CLUSTER SLOTS")).toBe("-ERR This instance has cluster support disabled\r\n");
    expect(await client.say("INFO")).toMatch(/(?:redis|server)_mode:standalone\r\n.*cluster_enabled:0\r\n/s);
    expect(await client.say("HELLO 3")).toMatch(/^%7\r\n.*mode\r\n\$10\r\nstandalone\r\n/s);
    expect(await client.say("CLIENT TRACKING ON")).toMatch(
      /^-ERR_PASSWORDLESS_COMMAND_REFUSED "CLIENT TRACKING"/,
    );
    expect(await client.say("CLIENT ID")).toMatch(/^:\d+\r\n$/);
    expect(await client.say("SELECT 0")).toBe("+OK\r\n");
    expect(await client.say("SELECT 1")).toBe("-ERR SELECT is not allowed in cluster mode\r\n");
    client.close();
  });
});

describe("transactions", () => {
  test("on one slot are executed, in one piece and step by step", async () => {
    const client = await cache.client();
    for (const key of keysApart()) {
      client.write("MULTI", `INCR ${key}`, `INCR ${key}`, "EXEC", "PING");
      expect(await client.take(5)).toEqual([
        "+OK\r\n",
        "+QUEUED\r\n",
        "+QUEUED\r\n",
        "*2\r\n:1\r\n:2\r\n",
        "+PONG\r\n",
      ]);
      const said: string[] = [];
      for (const line of ["MULTI", "PING", `INCR ${key}`, "ECHO x", "EXEC", `GET ${key}`])
        said.push(await client.say(line));
      expect(said).toEqual([
        "+OK\r\n",
        "+QUEUED\r\n",
        "+QUEUED\r\n",
        "+QUEUED\r\n",
        `*3\r\n+PONG\r\n:3\r\n${bulk("x")}`,
        bulk("3"),
      ]);
    }
    for (const line of ["MULTI", "PING"]) await client.say(line);
    expect(await client.say("EXEC")).toBe("*1\r\n+PONG\r\n");
    expect(await client.say("EXEC")).toBe("-ERR EXEC without MULTI\r\n");
    client.close();
  });

  test("on several nodes are refused at the key that is elsewhere, and change nothing", async () => {
    const client = await cache.client();
    const [a, b] = keysApart();
    client.write("MULTI", `SET ${a} 1`, `SET ${b} 1`, "EXEC", `EXISTS ${a} ${b}`);
    expect(await client.take(5)).toEqual([
      "+OK\r\n",
      "+QUEUED\r\n",
      "-CROSSSLOT Keys in request don't hash to the same slot\r\n",
      "-EXECABORT Transaction discarded because of previous errors.\r\n",
      ":0\r\n",
    ]);
    for (const line of ["MULTI", "NOSUCH x", `SET ${a} 1`]) await client.say(line);
    expect(await client.say("EXEC")).toMatch(/^-EXECABORT/);
    for (const line of ["MULTI", `SET ${a} 1`]) await client.say(line);
    expect(await client.say("DISCARD")).toBe("+OK\r\n");
    expect(await client.say(`EXISTS ${a}`)).toBe(":0\r\n");
    client.close();
  });

  test("that DISCARD or EXEC does not end are their client's only", async () => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => cache.client()));
    const [one, ...others] = clients as [Wire, ...Wire[]];
    const [key] = keysApart();
    const end = async (...lines: string[]): Promise<readonly string[]> => {
      one.write("MULTI", `SET ${key} 1`, ...lines);
      const replies = await one.take(2 + lines.length);
      for (const other of others) expect(await other.say(`STRLEN ${key}`), lines[0]).toBe(":0\r\n");
      expect(replies.slice(0, 2)).toEqual(["+OK\r\n", "+QUEUED\r\n"]);
      return replies.slice(2);
    };
    const wrong = expect.stringMatching(/^-ERR wrong number/);
    const aborted = expect.stringMatching(/^-EXECABORT /);
    expect(await end("DISCARD now", "EXEC")).toEqual([wrong, aborted]);
    // Redis 7 ends it all the same.
    expect(await end("EXEC now", "EXEC")).toEqual([
      aborted,
      expect.stringMatching(/^-ERR EXEC without MULTI/),
    ]);
    expect(await end("DISCARD now", "DISCARD")).toEqual([wrong, "+OK\r\n"]);
    await cache.setPolicy("+@all -discard ~* &*");
    expect(await end("DISCARD")).toEqual(["+OK\r\n"]);
    expect(await end("NOSUCH", "EXEC")).toEqual([expect.stringMatching(/^-ERR unknown/), aborted]);
    await cache.setPolicy("Data Owner");
    // Whoever has the connection next has it clean.
    for (const client of clients) {
      for (const line of ["MULTI", `STRLEN ${key}`]) await client.say(line);
      expect(await client.say("EXEC")).toBe("*1\r\n:0\r\n");
    }
    for (const client of clients) client.close();
  });

  test("are not begun where the server refuses MULTI, and nothing of them is executed", async () => {
    const client = await cache.client();
    const [key] = keysApart();
    await cache.setPolicy("+@all -multi ~* &*");
    const said: string[] = [];
    for (const line of ["MULTI", "PING", `SET ${key} 1`, `SET ${key} 2`, "EXEC", `STRLEN ${key}`])
      said.push(await client.say(line));
    await cache.setPolicy("Data Owner");
    const refused = expect.stringMatching(/^-NOPERM /);
    const aborted = expect.stringMatching(/^-EXECABORT /);
    expect(said).toEqual(["+OK\r\n", "+QUEUED\r\n", refused, refused, aborted, ":0\r\n"]);
    client.close();
  });

  test("watch on where UNWATCH is refused", async () => {
    const [one, other] = [await cache.client(), await cache.client()];
    const [key] = keysApart();
    await one.say(`WATCH ${key}`);
    expect(await one.say("UNWATCH now")).toMatch(/^-ERR wrong number/);
    await other.say(`SET ${key} theirs`);
    for (const line of ["MULTI", `SET ${key} mine`]) await one.say(line);
    expect(await one.say("EXEC")).toBe("*-1\r\n");
    one.close();
    other.close();
  });

  test("see that a watched key was changed", async () => {
    const [one, other] = [await cache.client(), await cache.client()];
    const [a, b] = keysApart();
    await one.say(`WATCH ${a}`);
    expect(await one.say(`WATCH ${b}`)).toMatch(/^-CROSSSLOT/);
    expect(await one.say(`GET ${b}`)).toBe("$-1\r\n");
    await other.say(`SET ${a} theirs`);
    for (const line of ["MULTI", `SET ${a} mine`]) await one.say(line);
    expect(await one.say("EXEC")).toBe("*-1\r\n");
    await one.say(`WATCH ${a}`);
    expect(await one.say("UNWATCH")).toBe("+OK\r\n");
    await other.say(`SET ${a} again`);
    one.write("MULTI", `SET ${a} mine`, "EXEC");
    expect((await one.take(3))[2]).toBe("*1\r\n+OK\r\n");
    one.close();
    other.close();
  });
});

test("blocking commands hold up nobody, and what is behind them waits", async () => {
  const [one, other] = [await cache.client(), await cache.client()];
  const [a, b] = keysApart();
  one.write(`SET ${b} 1`, `BLPOP ${a} 0`, `GET ${b}`);
  expect(await one.take(1)).toEqual(["+OK\r\n"]);
  expect(await other.say(`GET ${b}`)).toBe(bulk("1"));
  expect(await other.say(`RPUSH ${a} x`)).toBe(":1\r\n");
  expect(await one.take(2)).toEqual([`*2\r\n${bulk(a)}${bulk("x")}`, bulk("1")]);
  one.close();
  other.close();
});

describe("in RESP%i", () => {
  test.for([2, 3] as const)(
    "messages arrive, of channels, patterns and shards on any node: RESP%i",
    async (resp) => {
      const [one, other] = [await cache.client(), await cache.client()];
      const mark = resp === 3 ? ">" : "*";
      await one.say(`HELLO ${resp}`);
      const [a, b] = keysApart();
      const say = async (line: string, frames = 1): Promise<string[]> => {
        one.write(line);
        return one.take(frames);
      };
      expect(await say("SUBSCRIBE x y", 2)).toEqual([
        `${mark}3\r\n${bulk("subscribe")}${bulk("x")}:1\r\n`,
        `${mark}3\r\n${bulk("subscribe")}${bulk("y")}:2\r\n`,
      ]);
      await say("PSUBSCRIBE p*");
      expect(await say(`SSUBSCRIBE ${a}`)).toEqual([`${mark}3\r\n${bulk("ssubscribe")}${bulk(a)}:1\r\n`]);
      expect(await say(`SSUBSCRIBE ${b}`)).toEqual([`${mark}3\r\n${bulk("ssubscribe")}${bulk(b)}:2\r\n`]);
      if (resp === 2) {
        expect(await say("GET x")).toEqual([expect.stringMatching(/^-ERR Can't execute 'get': only/)]);
        expect(await say("PING hi")).toEqual([`*2\r\n${bulk("pong")}${bulk("hi")}`]);
      } else expect(await say("ECHO hi")).toEqual([bulk("hi")]);
      const count = await other.say("PUBSUB NUMSUB x y z");
      expect(count).toBe(`*6\r\n${bulk("x")}:1\r\n${bulk("y")}:1\r\n${bulk("z")}:0\r\n`);
      other.write("PUBLISH x 1", "PUBLISH p1 2", `SPUBLISH ${a} 3`, `SPUBLISH ${b} 4`);
      await other.take(4);
      expect(new Set(await one.take(4))).toEqual(
        new Set([
          `${mark}3\r\n${bulk("message")}${bulk("x")}${bulk("1")}`,
          `${mark}4\r\n${bulk("pmessage")}${bulk("p*")}${bulk("p1")}${bulk("2")}`,
          `${mark}3\r\n${bulk("smessage")}${bulk(a)}${bulk("3")}`,
          `${mark}3\r\n${bulk("smessage")}${bulk(b)}${bulk("4")}`,
        ]),
      );
      await say("UNSUBSCRIBE", 2);
      await say("PUNSUBSCRIBE");
      // The connection that had channels and patterns has none now.
      if (resp === 2) expect(await say("PING")).toEqual([`*2\r\n${bulk("pong")}${bulk("")}`]);
      expect(await say("SUNSUBSCRIBE", 2)).toHaveLength(2);
      expect(await say("GET x")).toEqual([resp === 3 ? "_\r\n" : "$-1\r\n"]);
      one.close();
      other.close();
    },
  );
});

describe("ordinary clients that know no cluster", () => {
  test.for([2, 3] as const)("node-redis with RESP%i does all that it does", async (RESP) => {
    const client = await createClient({ RESP, socket: { port: cache.port } }).connect();
    const [subscriber, other] = await Promise.all([
      client.duplicate().connect(),
      client.duplicate().connect(),
    ]);
    const heard: string[] = [];
    await subscriber.subscribe("news", (message) => heard.push(message));
    const keys = Array.from({ length: 50 }, (_, index) => `n${index}`);
    expect(await Promise.all(keys.map((key) => client.incr(key)))).toEqual(keys.map(() => 1));
    expect(await client.mGet(keys)).toEqual(keys.map(() => "1"));
    expect(await client.multi().incr("n").incr("n").exec()).toEqual([1, 2]);
    const scanned: string[] = [];
    for await (const found of client.scanIterator()) scanned.push(...found);
    expect(scanned).toHaveLength(51);
    const popped = client.blPop("list", 0);
    await other.rPush("list", "x");
    expect(await popped).toMatchObject({ key: "list", element: "x" });
    await other.publish("news", "hello");
    await vi.waitFor(() => expect(heard).toEqual(["hello"]));
    for (const one of [client, subscriber, other]) one.destroy();
  });

  test("ioredis does all that it does", async () => {
    const client = new Redis({ port: cache.port, connectionName: "mine", enableAutoPipelining: true });
    const [subscriber, other] = [client.duplicate(), client.duplicate()];
    const heard: string[] = [];
    subscriber.on("message", (_channel, message: string) => heard.push(message));
    await subscriber.subscribe("news");
    const keys = Array.from({ length: 50 }, (_, index) => `n${index}`);
    expect(await Promise.all(keys.map((key) => client.incr(key)))).toEqual(keys.map(() => 1));
    expect(await client.mget(keys)).toEqual(keys.map(() => "1"));
    const popped = client.blpop("list", 0);
    await other.rpush("list", "x");
    expect(await popped).toEqual(["list", "x"]);
    await other.publish("news", "hello");
    await vi.waitFor(() => expect(heard).toEqual(["hello"]));
    for (const one of [client, subscriber, other]) one.disconnect();
  });
});

test("redis-benchmark finds one server, that takes MSET of ten random keys and pipelines of 16", async () => {
  const args = ["-p", String(cache.port), "-n", "2000", "-c", "20", "-P", "16", "-r", "1000", "--csv"];
  const { stdout, stderr } = await promisify(execFile)("redis-benchmark", args);
  const rows = stdout.trim().split("\n").slice(1);
  expect([rows.length, rows.filter((row) => !/^"[^"]+","\d+\.\d+"/.test(row))]).toEqual([20, []]);
  expect(stderr).not.toMatch(/error/i);
});

test("what is no command is told, behind the replies that are under way", async () => {
  const client = await cache.client();
  client.socket.write(Buffer.concat([encodeCommand(["ECHO", "x"]), Buffer.from("*1\r\n:3\r\n")]));
  expect(await client.take(2)).toEqual([bulk("x"), expect.stringMatching(/^-ERR Protocol error: /)]);
  client.socket.end();
  await client.closed();
});
