import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ProxiedCache } from "./support.js";

let cache: ProxiedCache;

beforeAll(async () => {
  cache = await ProxiedCache.start();
});
afterAll(() => cache[Symbol.asyncDispose]());

describe("a client that does not log in", () => {
  test("is served", async () => {
    const client = await cache.raw();
    client.write("SET name value", "GET name", "NOSUCH command");
    expect(await client.read(3)).toEqual([
      "+OK\r\n",
      "$5\r\nvalue\r\n",
      expect.stringMatching(/^-ERR unknown command/),
    ]);
    client.socket.end();
    await client.closed;
  });

  test("may split its commands at any byte", async () => {
    const client = await cache.raw();
    const bytes = Buffer.from("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*1\r\n$4\r\nPING\r\nECHO inline\r\n");
    for (const byte of bytes) {
      client.socket.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    expect(await client.read(3)).toEqual(["+OK\r\n", "+PONG\r\n", "$6\r\ninline\r\n"]);
    client.socket.destroy();
  });
});

describe("a client's own login", () => {
  test("is accepted, and never reaches the server", async () => {
    const client = await cache.raw();
    client.write("AUTH any", "AUTH user any", "ACL WHOAMI", "AUTH", "AUTH a b c");
    const frames = await client.read(5);
    expect(frames[0]).toBe("+OK\r\n");
    expect(frames[1]).toBe("+OK\r\n");
    expect(frames[3]).toBe("-ERR wrong number of arguments for 'auth' command\r\n");
    expect(frames[4]).toBe("-ERR syntax error\r\n");
    client.socket.destroy();
  });

  test("with HELLO switches the protocol", async () => {
    const client = await cache.raw();
    client.write("HELLO 3 AUTH default any SETNAME me", "CLIENT GETNAME", "HELLO 2", "PING");
    const frames = await client.read(4);
    expect(frames[0]).toMatch(/^%7\r\n\$6\r\nserver/);
    expect(frames[1]).toBe("$2\r\nme\r\n");
    expect(frames[2]).toMatch(/^\*14\r\n/);
    expect(frames[3]).toBe("+PONG\r\n");
    client.socket.destroy();
  });

  test("is queued in a transaction", async () => {
    const client = await cache.raw();
    client.write("MULTI", "AUTH any", "INCR counted", "EXEC", "PING");
    expect(await client.read(5)).toEqual([
      "+OK\r\n",
      "+QUEUED\r\n",
      "+QUEUED\r\n",
      "*2\r\n+OK\r\n:1\r\n",
      "+PONG\r\n",
    ]);
    client.socket.destroy();
  });
});

describe("the connection's own commands", () => {
  test("RESET keeps the login", async () => {
    const client = await cache.raw();
    client.write("HELLO 3", "SELECT 1", "RESET", "PING", "CLIENT INFO");
    const frames = await client.read(5);
    expect(frames.slice(1, 4)).toEqual(["+OK\r\n", "+RESET\r\n", "+PONG\r\n"]);
    expect(frames[4]).toMatch(/ db=0 .* resp=2/s);
    client.socket.destroy();
  });

  test("RESET of a client that has subscribed unseen is answered, and nothing of ours with it", async () => {
    const client = await cache.raw();
    // What comes behind CLIENT CACHING belongs to it: no HELLO 3 of ours may come in between.
    client.write("CLIENT CACHING YES", "SUBSCRIBE news", "RESET", "PING", "ECHO last");
    const replies = await client.read(5);
    expect(replies[0]).toMatch(/^-ERR CLIENT CACHING/);
    expect(replies.slice(2)).toEqual(["+RESET\r\n", "+PONG\r\n", "$4\r\nlast\r\n"]);
    client.socket.destroy();
  });

  test("RESET ends a transaction and brings replies back", async () => {
    const client = await cache.raw();
    client.write(
      "MULTI",
      "INCR never",
      "RESET",
      "GET never",
      "CLIENT REPLY OFF",
      "PING",
      "RESET",
      "ECHO last",
    );
    expect(await client.read(6)).toEqual([
      "+OK\r\n",
      "+QUEUED\r\n",
      "+RESET\r\n",
      "$-1\r\n",
      "+RESET\r\n",
      "$4\r\nlast\r\n",
    ]);
    client.socket.destroy();
  });

  test("MONITOR does not show what the proxy does", async () => {
    const [client, other] = await Promise.all([cache.raw(), cache.raw()]);
    await other.write("PING").read(1);
    await client.write("MONITOR").read(1);
    await other.write("AUTH any", "SET seen 1", "ECHO end").read(4);
    const frames = await client.read(3);
    expect(frames).toEqual([
      "+OK\r\n",
      expect.stringContaining('"SET" "seen" "1"'),
      expect.stringContaining('"ECHO" "end"'),
    ]);
    client.socket.destroy();
    other.socket.destroy();
  });

  // Redis's own suite: tests/unit/other.tcl, "RESET clears MONITOR state".
  test("RESET ends MONITOR, and is answered", async () => {
    const client = await cache.raw();
    await client.write("MONITOR").read(1);
    client.write("ECHO seen", "RESET", "ECHO end", "CLIENT INFO");
    const frames = await client.read(6);
    expect(frames.filter((frame) => !frame.includes(" [0 "))).toEqual([
      "+OK\r\n",
      "$4\r\nseen\r\n",
      "+RESET\r\n",
      "$3\r\nend\r\n",
      expect.stringContaining(" flags=N "),
    ]);
    client.socket.destroy();
  });

  test("CLIENT REPLY OFF, SKIP and ON", async () => {
    const client = await cache.raw();
    client.write(
      "CLIENT REPLY SKIP",
      "SET a 1",
      "GET a",
      "CLIENT REPLY OFF",
      "AUTH any",
      "SET a 2",
      "CLIENT REPLY ON",
      "GET a",
    );
    expect(await client.read(3)).toEqual(["$1\r\n1\r\n", "+OK\r\n", "$1\r\n2\r\n"]);
    client.socket.destroy();
  });

  test("HELLO 2 of a subscriber in RESP3 is answered, and nothing of ours with it", async () => {
    const client = await cache.raw();
    await client.write("HELLO 3", "SUBSCRIBE news").read(2);
    const frames = await client.write("HELLO 2", "PING").read(4);
    expect(frames[2]).toMatch(/^\*14\r\n/);
    expect(frames[3]).toBe("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    client.socket.destroy();
  });

  test("QUIT", async () => {
    const client = await cache.raw();
    client.write("QUIT");
    expect(await client.read(1)).toEqual(["+OK\r\n"]);
    await client.closed;
  });
});
