import { Redis } from "ioredis";
import { createClient } from "redis";
import { encodeCommand } from "resp-framing";
import { describe, expect, test, vi } from "vitest";
import { Token } from "../../../src/core/token.js";
import type { Connection, LoginResult } from "../../../src/reauth/connection.js";
import { NEVER_DUE } from "../../inband/support.js";
import { seededRandom } from "../../support/random.js";
import { connectionsOf, PooledServer, serverOf } from "./pooled.js";
import { Bench } from "./support.js";

describe("clients that send shareable commands only", () => {
  test("share two connections, however many they are", async (t) => {
    const { bench, proxy } = await PooledServer.start(t);
    const clients = await Promise.all(Array.from({ length: 50 }, () => proxy.client()));
    for (const [index, client] of clients.entries()) client.write(`SET k${index} ${index}`, `GET k${index}`);
    const replies = await Promise.all(clients.map((client) => client.take(2)));
    expect(replies.map(([, reply]) => reply)).toEqual(
      clients.map((_, index) => `$${String(index).length}\r\n${index}\r\n`),
    );
    expect(await connectionsOf(bench)).toBeLessThanOrEqual(2);
    for (const client of clients) client.close();
  });

  test("may write their commands in pieces, inline, and in ways that servers put up with", async (t) => {
    const { proxy } = await PooledServer.start(t);
    const [one, other] = [await proxy.client(), await proxy.client()];
    const bytes = Buffer.concat([
      Buffer.from("\r\n  \r\n*2\r\n$04\r\nECHO\r\n$3\r\none\r\n*0\r\nECHO 'two words'\r\n*-1\r\n"),
      encodeCommand(["ECHO", "x".repeat(200_000)]),
      Buffer.from("PING\r\n"),
    ]);
    const random = seededRandom(7);
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + Math.floor(random() * (at < 100 ? 5 : 40_000));
      one.socket.write(bytes.subarray(at, end));
      other.write("PING", "ECHO mine");
      at = end;
      await new Promise(setImmediate);
    }
    const [first, second, third, fourth] = await one.take(4);
    expect([first, second, third?.length, fourth]).toEqual([
      "$3\r\none\r\n",
      "$9\r\ntwo words\r\n",
      200_011,
      "+PONG\r\n",
    ]);
    expect(new Set(other.frames)).toEqual(new Set(["+PONG\r\n", "$4\r\nmine\r\n"]));
  });

  test("have to themselves a transaction that its DISCARD or EXEC does not end", async (t) => {
    const { bench, proxy } = await PooledServer.start(t);
    const one = await proxy.client();
    const others = await Promise.all(Array.from({ length: 4 }, () => proxy.client()));
    const begin = async (end: string): Promise<string> => {
      one.write("MULTI", "SET a 1", end);
      const [ok, queued, ended = ""] = await one.take(3);
      for (const other of others) expect(await other.say("PING"), end).toBe("+PONG\r\n");
      expect([ok, queued]).toEqual(["+OK\r\n", "+QUEUED\r\n"]);
      return ended;
    };
    expect(await begin("DISCARD now")).toMatch(/^-ERR wrong number/);
    expect(await one.say("PING")).toBe("+QUEUED\r\n");
    expect(await one.say("DISCARD")).toBe("+OK\r\n");
    // Redis 7 ends it all the same.
    expect(await begin("EXEC now")).toMatch(/^-(ERR|EXECABORT) /);
    await one.say("DISCARD");
    await bench.server.command("ACL", "SETUSER", "somebody", "-discard");
    expect(await begin("DISCARD")).toMatch(/^-NOPERM /);
    expect(await one.say("EXEC")).toMatch(/^-EXECABORT /);
    expect(await one.say("PING")).toBe("+PONG\r\n");
    await bench.server.command("ACL", "SETUSER", "somebody", "-exec");
    expect(await begin("EXEC")).toMatch(/^-EXECABORT /);
    expect(await one.say("PING")).toBe("+PONG\r\n");
    for (const client of [one, ...others]) client.close();
  });

  test("are told of what is no command, and nobody else notices", async (t) => {
    const { bench, proxy } = await PooledServer.start(t);
    const other = await proxy.client();
    await other.say("SET a 1");
    for (const wrong of ["*1\r\n:3\r\n", "*99999999999\r\n", 'ECHO "open\r\n', "*1\r\n$-5\r\n"]) {
      const client = await proxy.client();
      client.socket.write(Buffer.concat([encodeCommand(["GET", "a"]), Buffer.from(wrong)]));
      expect(await client.take(2)).toEqual(["$1\r\n1\r\n", expect.stringMatching(/^-ERR Protocol error: /)]);
      client.socket.end();
      await client.closed();
    }
    expect(await other.say("GET a")).toBe("$1\r\n1\r\n");
    expect(await connectionsOf(bench)).toBeLessThanOrEqual(2);
  });

  test("get all replies when they end their half of the connection, or say QUIT", async (t) => {
    const { proxy } = await PooledServer.start(t);
    const one = await proxy.client();
    one.socket.end(
      Buffer.concat([
        encodeCommand(["SET", "a", "1"]),
        encodeCommand(["MULTI"]),
        encodeCommand(["GET", "a"]),
      ]),
    );
    expect(await one.take(3)).toEqual(["+OK\r\n", "+OK\r\n", "+QUEUED\r\n"]);
    await one.closed();
    const other = await proxy.client();
    other.write("GET a", "QUIT", "SET a 2");
    expect(await other.take(2)).toEqual(["$1\r\n1\r\n", "+OK\r\n"]);
    await other.closed();
    expect(await (await proxy.client()).say("GET a")).toBe("$1\r\n1\r\n");
  });
});

describe("a transaction", () => {
  test("that comes in one piece stays on the shared connections, undivided", async (t) => {
    const { bench, proxy } = await PooledServer.start(t, { size: 1 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => proxy.client()));
    for (let round = 0; round < 20; round += 1) {
      for (const client of clients) client.write("MULTI", "INCR n", "INCR n", "EXEC", "PING");
      await new Promise(setImmediate);
    }
    for (const client of clients) {
      const frames = await client.take(100);
      for (let at = 0; at < 100; at += 5) {
        expect(frames.slice(at, at + 3)).toEqual(["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n"]);
        const [, a, b] = /^\*2\r\n:(\d+)\r\n:(\d+)\r\n$/.exec(frames[at + 3] ?? "") ?? [];
        expect(Number(b) - Number(a)).toBe(1);
        expect(frames[at + 4]).toBe("+PONG\r\n");
      }
    }
    expect(await connectionsOf(bench)).toBe(1);
  });

  test("that comes command by command has a connection of its own, and gives it back", async (t) => {
    const { bench, proxy } = await PooledServer.start(t, { size: 1 });
    const [one, other] = [await proxy.client(), await proxy.client()];
    expect(await one.say("WATCH w")).toBe("+OK\r\n");
    expect(await other.say("SET w 1")).toBe("+OK\r\n");
    expect(await one.say("MULTI")).toBe("+OK\r\n");
    expect(await one.say("SET w 2")).toBe("+QUEUED\r\n");
    expect(await one.say("EXEC")).toBe("*-1\r\n");
    expect(await one.say("GET w")).toBe("$1\r\n1\r\n");
    for (const end of ["DISCARD", "EXEC x", "EXEC"]) {
      expect(await one.say("MULTI")).toBe("+OK\r\n");
      expect(await one.say("NOSUCH w")).toMatch(/^-ERR unknown/);
      const reply = await one.say(end);
      expect(reply).toMatch(/^(\+OK|-EXECABORT)/);
      expect(await one.say("GET w")).toBe("$1\r\n1\r\n");
    }
    await vi.waitFor(() => expect(proxy.pool.size).toBe(2));
    expect(await connectionsOf(bench)).toBe(2);
  });

  test("does not hold up a login that is due already", async (t) => {
    const bench = await Bench.start(t);
    const logins: Promise<LoginResult>[] = [];
    const loginIfDue = async (connection: Connection) =>
      void logins.push(connection.authenticate(bench.good));
    const server = { ...serverOf(bench), reauthenticator: { ...NEVER_DUE, loginIfDue } };
    const proxy = await PooledServer.over(t, server, { size: 1 });
    const client = await proxy.client();
    expect(await client.say("MULTI")).toBe("+OK\r\n");
    expect(await Promise.all(logins)).toEqual(["accepted"]);
    expect(await client.say("INCR n")).toBe("+QUEUED\r\n");
    expect(await client.say("EXEC")).toBe("*1\r\n:1\r\n");
  });

  test("ends its client's connection by no login that came with its last reply", async (t) => {
    const bench = await Bench.start(t);
    const kept: Connection[] = [];
    const proxy = await PooledServer.over(
      t,
      { ...serverOf(bench), keep: (one) => void kept.push(one) },
      { size: 1 },
    );
    const clients = await Promise.all(Array.from({ length: 10 }, () => proxy.client()));
    const receivedAtMs = Date.now();
    const expiresAtMs = receivedAtMs + 1_000;
    const { username, details, refreshAtMs } = bench.good;
    const facts = { username, details, refreshAtMs, receivedAtMs, expiresAtMs };
    const token = new Token(bench.good.reveal(), facts);
    await Promise.all(clients.map((client) => client.say("MULTI")));
    const logins = kept.map((connection) => connection.authenticate(token));
    // The login goes right behind EXEC, and is answered when the client has its connection no longer.
    await Promise.all(clients.map((client) => client.say("EXEC")));
    await Promise.all(logins);
    await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(expiresAtMs), { timeout: 5_000 });
    expect(await Promise.all(clients.map((client) => client.say("PING")))).toEqual(
      clients.map(() => "+PONG\r\n"),
    );
  });

  test("ends with its client, and leaves nothing to the next one", async (t) => {
    const { proxy } = await PooledServer.start(t, { size: 1 });
    const one = await proxy.client();
    await one.say("MULTI");
    await one.say("SET a 1");
    one.close();
    await vi.waitFor(() => expect(proxy.clients.size).toBe(0));
    const other = await proxy.client();
    expect(await other.say("MULTI")).toBe("+OK\r\n");
    expect(await other.say("GET a")).toBe("+QUEUED\r\n");
    expect(await other.say("EXEC")).toBe("*1\r\n$-1\r\n");
  });
});

test("a blocked command holds up nobody else, and its client goes on sharing behind it", async (t) => {
  const { bench, proxy } = await PooledServer.start(t, { size: 1 });
  const [one, other] = [await proxy.client(), await proxy.client()];
  one.write("SET before 1", "BLPOP list 0", "GET before");
  expect(await one.take(1)).toEqual(["+OK\r\n"]);
  expect(await other.say("GET before")).toBe("$1\r\n1\r\n");
  expect(await other.say("RPUSH list x")).toBe(":1\r\n");
  expect(await one.take(2)).toEqual(["*2\r\n$4\r\nlist\r\n$1\r\nx\r\n", "$1\r\n1\r\n"]);
  await vi.waitFor(() => expect(proxy.pool.size).toBe(2));
  other.write("XREAD STREAMS s 0", "XREAD BLOCK 1 STREAMS s $");
  expect(await other.take(2)).toEqual(["*-1\r\n", "*-1\r\n"]);
  await vi.waitFor(() => expect(proxy.pool.size).toBe(2));
  expect(await connectionsOf(bench)).toBe(2);
});

test("another database is a client's own, until it is back in the first one", async (t) => {
  const { proxy } = await PooledServer.start(t, { size: 1 });
  const [one, other] = [await proxy.client(), await proxy.client()];
  one.write("SELECT 0", "SET k zero", "SELECT 3", "SET k three", "GET k", "SELECT 99", "GET k");
  const frames = await one.take(7);
  expect([frames[4], frames[6]]).toEqual(["$5\r\nthree\r\n", "$5\r\nthree\r\n"]);
  expect(await other.say("GET k")).toBe("$4\r\nzero\r\n");
  one.write("SELECT 0", "GET k");
  expect(await one.take(2)).toEqual(["+OK\r\n", "$4\r\nzero\r\n"]);
  expect(await one.say("GET k")).toBe("$4\r\nzero\r\n");
});

test("WAIT counts the writes that its client has sent before, on whichever connection they went", async (t) => {
  const { proxy } = await PooledServer.start(t, { size: 1 });
  const [one, other] = [await proxy.client(), await proxy.client()];
  one.write("SET a 1", "WAIT 1 20", "GET a");
  other.write("SET b 1");
  expect(await one.take(3)).toEqual(["+OK\r\n", ":0\r\n", "$1\r\n1\r\n"]);
  expect(await other.say("GET b")).toBe("+OK\r\n");
  expect(await other.take(1)).toEqual(["$1\r\n1\r\n"]);
});

test("each client speaks the protocol that it has asked for, and is called what it calls itself", async (t) => {
  const { proxy } = await PooledServer.start(t);
  const [one, other] = [await proxy.client(), await proxy.client()];
  await one.say("HSET h f v");
  one.write("HGETALL h", "HELLO 3", "HGETALL h", "HELLO 2 SETNAME me", "HGETALL h", "CLIENT GETNAME");
  other.write(
    "CLIENT SETNAME you",
    "CLIENT GETNAME",
    "HELLO 3",
    "HGETALL h",
    "HELLO 4",
    "RESET",
    "HGETALL h",
  );
  const [flat, hello3, map, hello2, again, name] = await one.take(6);
  expect([flat, map, again, name]).toEqual([
    "*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
    "%1\r\n$1\r\nf\r\n$1\r\nv\r\n",
    "*2\r\n$1\r\nf\r\n$1\r\nv\r\n",
    "$2\r\nme\r\n",
  ]);
  expect(hello3).toMatch(/^%7\r\n.*proto\r\n:3\r\n/s);
  expect(hello2).toMatch(/^\*14\r\n.*proto\r\n:2\r\n/s);
  const frames = await other.take(7);
  expect(frames.with(2, "")).toEqual([
    "+OK\r\n",
    "$3\r\nyou\r\n",
    "",
    map,
    "-NOPROTO unsupported protocol version\r\n",
    "+RESET\r\n",
    flat,
  ]);
});

test("a client has to log in where a password is set", async (t) => {
  const { proxy } = await PooledServer.start(t, { password: "local" });
  const one = await proxy.client();
  one.write("GET a", "AUTH wrong", "MULTI", "AUTH local", "PING");
  expect((await one.take(5)).map((frame) => frame.split(" ")[0]?.trim())).toEqual([
    "-NOAUTH",
    "-WRONGPASS",
    "-NOAUTH",
    "+OK",
    "+PONG",
  ]);
  const other = await proxy.client();
  other.write("HELLO 3", "HELLO 3 AUTH default local", "PING");
  const [refused, hello, pong] = await other.take(3);
  expect([refused?.slice(0, 7), hello?.slice(0, 4), pong]).toEqual(["-NOAUTH", "%7\r\n", "+PONG\r\n"]);
});

test("when the shared connection ends, each command gets an error, and the next one a new connection", async (t) => {
  const { bench, proxy } = await PooledServer.start(t, { size: 1 });
  const [one, other] = [await proxy.client(), await proxy.client()];
  await Promise.all([one.say("PING"), other.say("PING")]);
  await bench.server.command("CLIENT", "PAUSE", "60000", "WRITE");
  one.write("SET a 1", "SET b 1");
  other.write("DEL a");
  await vi.waitFor(() => expect([...proxy.clients].some(({ isIdle }) => isIdle)).toBe(false));
  await new Promise((resolve) => setImmediate(resolve));
  proxy.pool.pick(2)?.close();
  const frames = [...(await one.take(2)), ...(await other.take(1))];
  expect(frames).toEqual(
    frames.map(() =>
      expect.stringMatching(
        /^-ERR_PASSWORDLESS_CONNECTION_FAILED .* It may have been executed, or not\.\r\n$/,
      ),
    ),
  );
  await bench.server.command("CLIENT", "UNPAUSE");
  expect(await one.say("PING")).toBe("+PONG\r\n");
});

test("commands longer than a megabyte go through, without waiting for the end of them", async (t) => {
  const { proxy } = await PooledServer.start(t);
  const [one, other] = [await proxy.client(), await proxy.client()];
  const value = "v".repeat(3_000_000);
  const bytes = encodeCommand(["SET", "big", value]);
  one.write("PING");
  one.socket.write(bytes.subarray(0, 2_000_000));
  expect(await one.take(1)).toEqual(["+PONG\r\n"]);
  await vi.waitFor(() => expect(proxy.pool.size).toBeGreaterThan(1));
  expect(await other.say("PING")).toBe("+PONG\r\n");
  one.socket.write(bytes.subarray(2_000_000));
  expect(await one.take(1)).toEqual(["+OK\r\n"]);
  expect(await other.say("STRLEN big")).toBe(":3000000\r\n");
});

describe("ordinary clients", () => {
  test("keep to the shared connections, whatever they send when they connect", async (t) => {
    const { bench, proxy } = await PooledServer.start(t, { size: 1 });
    const socket = { port: proxy.port };
    const [two, three] = await Promise.all(
      ([2, 3] as const).map((RESP) => createClient({ RESP, socket, name: "mine" }).connect()),
    );
    const io = new Redis({ port: proxy.port, connectionName: "mine" });
    await Promise.all([two?.set("a", 1), three?.get("a"), io.get("a"), io.mget("a", "b")]);
    expect(await connectionsOf(bench)).toBe(2);
    for (const client of [two, three]) client?.destroy();
    io.disconnect();
  });

  test.for([2, 3] as const)("node-redis with RESP%i does all that it does", async (RESP, t) => {
    const { proxy } = await PooledServer.start(t);
    const client = await createClient({ RESP, socket: { port: proxy.port } }).connect();
    const [subscriber, other] = await Promise.all([
      client.duplicate().connect(),
      client.duplicate().connect(),
    ]);
    const heard: string[] = [];
    await subscriber.subscribe("news", (message) => heard.push(message));
    await client.hSet("h", { a: "1" });
    expect({ ...(await client.hGetAll("h")) }).toEqual({ a: "1" });
    expect(await client.multi().incr("n").incr("n").exec()).toEqual([1, 2]);
    const popped = client.blPop("list", 0);
    await other.rPush("list", "x");
    expect(await popped).toMatchObject({ key: "list", element: "x" });
    await other.publish("news", "hello");
    await vi.waitFor(() => expect(heard).toEqual(["hello"]));
    for (const one of [client, subscriber, other]) one.destroy();
  });

  test("ioredis does all that it does", async (t) => {
    const { proxy } = await PooledServer.start(t);
    const client = new Redis({ port: proxy.port, connectionName: "mine", lazyConnect: true });
    await client.connect();
    const [subscriber, other] = [client.duplicate(), client.duplicate()];
    const heard: string[] = [];
    subscriber.on("message", (_channel, message: string) => heard.push(message));
    await subscriber.subscribe("news");
    expect(await client.multi().incr("n").incr("n").exec()).toEqual([
      [null, 1],
      [null, 2],
    ]);
    const popped = client.blpop("list", 0);
    await other.rpush("list", "x");
    expect(await popped).toEqual(["list", "x"]);
    await other.publish("news", "hello");
    await vi.waitFor(() => expect(heard).toEqual(["hello"]));
    expect(await client.client("GETNAME")).toBe("mine");
    for (const one of [client, subscriber, other]) one.disconnect();
  });
});
