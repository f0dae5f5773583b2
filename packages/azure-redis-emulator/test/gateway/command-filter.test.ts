import { encodeCommand } from "resp-framing";
import { describe, expect, test } from "vitest";
import { CommandFilter } from "../../src/gateway/command-filter.js";
import { ReplyLedger } from "../../src/gateway/reply-ledger.js";

const STREAM = Buffer.concat([
  encodeCommand(["PING"]),
  encodeCommand(["AUTH", "user", "jwt"]),
  encodeCommand(["SUBSCRIBE", "a", "b"]),
  Buffer.from("\r\nauth user jwt\r\nPING\r\n"),
  encodeCommand(["HELLO", "3", "SETNAME", "me", "AUTH", "user", "jwt"]),
  encodeCommand(["SET", "k", "v\r\n*1\r\n$4\r\nAUTH\r\n"]),
  Buffer.from("PI"),
]);

const REWRITTEN = Buffer.concat([
  encodeCommand(["PING"]),
  encodeCommand(["AUTH", "user", "password"]),
  encodeCommand(["SUBSCRIBE", "a", "b"]),
  Buffer.from("\r\n"),
  encodeCommand(["auth", "user", "password"]),
  Buffer.from("PING\r\n"),
  encodeCommand(["HELLO", "3", "SETNAME", "me", "AUTH", "user", "password"]),
  encodeCommand(["SET", "k", "v\r\n*1\r\n$4\r\nAUTH\r\n"]),
]);

async function filtered(chunks: Iterable<Buffer>): Promise<string> {
  const forwarded: Buffer[] = [];
  const filter = new CommandFilter({
    ledger: new ReplyLedger(),
    forward: (bytes) => void forwarded.push(Buffer.from(bytes)),
    login: async (login) => {
      await Promise.resolve();
      forwarded.push(login.rewrite(login.username, "password"));
    },
  });
  for (const chunk of chunks) await filter.feed(chunk);
  return Buffer.concat(forwarded).toString("latin1");
}

describe("CommandFilter", () => {
  test("rewrites logins and nothing else, and holds the beginning of what may be one", async () => {
    expect(await filtered([STREAM])).toBe(REWRITTEN.toString("latin1"));
  });

  test("does the same wherever the stream is cut in two", async () => {
    for (let at = 0; at <= STREAM.length; at++) {
      expect(await filtered([STREAM.subarray(0, at), STREAM.subarray(at)]), `cut at ${at}`).toBe(
        REWRITTEN.toString("latin1"),
      );
    }
  });

  test("does the same byte by byte", async () => {
    expect(await filtered([...STREAM].map((byte) => Buffer.of(byte)))).toBe(REWRITTEN.toString("latin1"));
  });

  test("passes a malformed stream on as it is", async () => {
    const bytes = Buffer.from("PING\r\n*1\r\n:1\r\n*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n");
    expect(await filtered([bytes.subarray(0, 12), bytes.subarray(12)])).toBe(bytes.toString("latin1"));
  });

  test("does not hold a watched command without end", async () => {
    const head = Buffer.from("*2\r\n$4\r\nAUTH\r\n$100000000\r\n");
    const chunk = Buffer.alloc(65_536, "x");
    const chunks = [head, ...Array.from({ length: 20 }, () => chunk)];
    expect(await filtered(chunks)).toHaveLength(head.length + 20 * chunk.length);
  });
});
