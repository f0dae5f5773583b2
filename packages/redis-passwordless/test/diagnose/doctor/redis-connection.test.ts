import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { RedisConnection } from "../../../src/diagnose/redis-connection.js";
import { ReplyError } from "../../../src/inband/reply.js";
import { hashSlot } from "../../../src/topology/hash-slot.js";

/** A connection to a server that does this with each of its own. */
async function connectionTo(
  serve: (socket: Socket) => void,
  secrets: string[] = [],
): Promise<RedisConnection> {
  const server = createServer((socket) => serve(socket.on("error", () => {})));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const connection = new RedisConnection(socket, secrets);
  onTestFinished(() => {
    connection.close();
    server.close();
  });
  return connection;
}

test("replies are put together from whatever pieces they come in", async () => {
  const replies = "+OK\r\n*2\r\n$3\r\nabc\r\n:7\r\n%1\r\n+a\r\n_\r\n$-1\r\n-ERR no\r\n";
  const connection = await connectionTo((socket) => {
    socket.setNoDelay(true);
    for (const byte of replies) socket.write(byte);
  });
  const [ok, list, map, none, error] = await connection.askAll([["A"], ["B"], ["C"], ["D"], ["E"]]);
  expect([ok, list, map, none]).toEqual(["OK", ["abc", 7], ["a", null], null]);
  expect(error).toBeInstanceOf(ReplyError);
});

test("a push is no reply", async () => {
  const connection = await connectionTo((socket) => socket.write(">2\r\n+moving\r\n:1\r\n+PONG\r\n"));
  expect(await connection.ask("PING")).toBe("PONG");
});

test("what a server says before it closes is passed on", async () => {
  const connection = await connectionTo((socket) => {
    socket.end("-ERR max number of clients reached\r\n");
  });
  await expect(
    connection.ask("PING").then((reply) => {
      if (reply instanceof ReplyError) throw reply;
    }),
  ).rejects.toThrow("max number of clients reached");
});

test("an answer of something else says what it is", async () => {
  const connection = await connectionTo((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  await expect(connection.ask("PING")).rejects.toThrow(/not Redis protocol.*HTTP\/1\.1 400/);
});

test("a server that repeats what it was sent does not bring a secret into an error", async () => {
  const connection = await connectionTo(
    (socket) =>
      socket.write("-ERR bad password 'the-access-key', with args beginning with: `the-access`\r\n"),
    ["the-access-key"],
  );
  const reply = await connection.ask("AUTH", "the-access-key");
  expect(String(reply)).not.toContain("the-access");
});

test("the slot of a key is Redis's, hash tags included", () => {
  // From the specification of Redis Cluster: CRC16 of 123456789 is 0x31C3; the tag of the others is `user1000`.
  expect(hashSlot("123456789")).toBe(0x31c3);
  expect(hashSlot("{user1000}.following")).toBe(hashSlot("user1000"));
  expect(hashSlot("foo{}{bar}")).not.toBe(hashSlot("bar"));
});
