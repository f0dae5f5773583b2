import { encodeCommand } from "resp-framing";
import { describe, expect, test } from "vitest";
import { CommandFilter } from "../../src/gateway/command-filter.js";
import { CommandRules } from "../../src/gateway/command-rules.js";
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

async function filtered(chunks: Iterable<Buffer>, rules?: CommandRules): Promise<string> {
  const forwarded: Buffer[] = [];
  const filter = new CommandFilter({
    ledger: new ReplyLedger(),
    ...(rules && { rules }),
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

describe("CommandFilter with rules", () => {
  const commands = Buffer.concat([
    encodeCommand(["SELECT", "1"]),
    encodeCommand(["MGET", "{t}a", "{t}b"]),
    STREAM.subarray(0, -2),
    encodeCommand(["MULTI"]),
    encodeCommand(["MGET", "a", "b"]),
    Buffer.from("exec\r\nreset\r\n"),
    encodeCommand(["MGET", "a", "b"]),
    encodeCommand(["CLIENT", "ID"]),
    encodeCommand(["client", "Pause", "1"]),
    encodeCommand(["ECHO", "SELECT"]),
  ]);

  /** For one connection each. */
  function rules(): CommandRules {
    return new CommandRules({ product: "managedRedis", isEnterprisePolicy: true });
  }

  test("rewrites what they are about and nothing else", async () => {
    const sent = await filtered([commands], rules());
    const names = [...sent.matchAll(/\*\d+\r\n\$\d+\r\n([^\r]*)\r\n/g)].map(([, name]) => name);
    expect(names.map((name) => name!.replace(/[0-9a-f]{24}$/, "…"))).toEqual([
      "SELECT…",
      "MGET",
      "PING",
      "AUTH",
      "SUBSCRIBE",
      "auth",
      "HELLO",
      "SET",
      // The value of SET looks like one.
      "AUTH",
      "MULTI",
      "MGET",
      "reset…",
      "EVAL",
      "CLIENT",
      "client",
      "ECHO",
    ]);
    expect(sent).toMatch(/\r\nPause[0-9a-f]{24}\r\n\$1\r\n1\r\n\*2\r\n\$4\r\nECHO\r\n\$6\r\nSELECT\r\n$/);
  });

  test("does the same wherever the stream is cut, and byte by byte", async () => {
    const whole = await filtered([commands], rules());
    for (let at = 0; at <= commands.length; at++) {
      const chunks = [commands.subarray(0, at), commands.subarray(at)];
      expect(await filtered(chunks, rules()), `cut at ${at}`).toBe(whole);
    }
    const bytes = [...commands].map((byte) => Buffer.of(byte));
    expect(await filtered(bytes, rules())).toBe(whole);
  });
});
