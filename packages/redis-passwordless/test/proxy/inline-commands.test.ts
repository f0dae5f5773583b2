import { encodeCommand } from "resp-framing";
import { afterEach, describe, expect, test } from "vitest";
import { ProxiedCache } from "./support.js";

let cache: ProxiedCache | undefined;
afterEach(() => cache?.[Symbol.asyncDispose]());

/** What the proxy logs in with between two commands may only stand where the server begins to read one. */
describe("lines that are no arrays", () => {
  test("a line that begins with a blank is one to the server, and what is injected comes behind it", async () => {
    cache = await ProxiedCache.start();
    const client = await cache.raw();
    client.socket.write("  AUTH whoever\r\n \t PING one\r\n \r\n ");
    await client.read(2);
    client.socket.write("*1\r\nPING two\r\n");
    expect(await client.read(4)).toEqual([
      "+OK\r\n",
      "$3\r\none\r\n",
      expect.stringMatching(/^-ERR unknown command '\*1'/),
      "$3\r\ntwo\r\n",
    ]);
    client.socket.destroy();
  });

  test("a line whose quotes are not balanced is answered by the server, and nobody else hears of it", async () => {
    cache = await ProxiedCache.start();
    const other = await cache.raw();
    for (const line of ['SELECT "0', "AUTH 'secret", "CLIENT 'a'b", 'HELLO "3', "BLPOP 'k 0"]) {
      const client = await cache.raw();
      client.socket.write(`${line}\r\n`);
      await client.closed;
      expect(client.frames).toEqual([expect.stringMatching(/^-ERR Protocol error: unbalanced quotes/)]);
    }
    other.write("PING");
    expect(await other.read(1)).toEqual(["+PONG\r\n"]);
    other.socket.destroy();
  });

  test.each([
    ["a blank before an array", " *2\r\n$4\r\nECHO\r\n$10\r\nSELECT 5\r\n\r\n"],
    ["a name in quotes", '"sel\\x65ct" 5\r\n'],
    ["a name in quotes with a vertical tab behind it", "'SELECT'\v5\r\n"],
  ])("a database that is chosen by %s is not left to the next client", async (_, bytes) => {
    cache = await ProxiedCache.start();
    const first = await cache.raw();
    first.socket.write(bytes);
    await first.read(1);
    first.write("PING over");
    while (!first.frames.includes("$4\r\nover\r\n")) await first.read(first.frames.length + 1);
    expect(first.frames).toContain("+OK\r\n");
    first.socket.end();
    await first.closed;
    const second = await cache.raw();
    second.write("CLIENT INFO");
    expect((await second.read(1))[0]).toContain(" db=0 ");
    second.socket.destroy();
  });

  test("a name without an end is not kept for longer than the server would wait for it", async () => {
    cache = await ProxiedCache.start();
    const client = await cache.raw();
    client.socket.write("x".repeat(70_000));
    await client.closed;
    expect(client.frames).toEqual([expect.stringMatching(/^-ERR Protocol error: too big inline request/)]);
  });
});

test("a command that has to be looked at may be long and come in many pieces", async () => {
  cache = await ProxiedCache.start();
  const client = await cache.raw();
  // Everything that a subscriber sends is looked at, and refused in RESP2.
  client.write("SUBSCRIBE news");
  await client.read(1);
  const bytes = encodeCommand(["SET", "k", "v".repeat(50_000_000)]);
  client.socket.write(bytes);
  expect((await client.read(2))[1]).toMatch(/^-ERR Can't execute 'set'/);
  client.write("PING");
  expect((await client.read(3))[2]).toBe("*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  client.socket.destroy();
});
