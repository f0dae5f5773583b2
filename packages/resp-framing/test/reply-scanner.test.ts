import { describe, expect, test } from "vitest";
import { ReplyScanner, type ReplyScannerOptions, RespError } from "../src/index.js";
import { cutAtRandom, cutInTwo, seededRandom } from "./support/random.js";

interface Frame {
  readonly type: string;
  readonly isPush: boolean;
  readonly start: number;
  readonly end: number;
  readonly preview: string;
}

function framesOf(chunks: readonly Buffer[], options?: ReplyScannerOptions): Frame[] {
  const scanner = new ReplyScanner(options);
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    let offset = 0;
    while (offset < chunk.length) {
      offset = scanner.scanFrame(chunk, offset);
      if (!scanner.atBoundary) continue;
      frames.push({
        type: scanner.frameType,
        isPush: scanner.isPush,
        start: scanner.frameStart,
        end: scanner.position,
        preview: scanner.preview.toString("latin1"),
      });
    }
  }
  return frames;
}

function errorOf(text: string, options?: ReplyScannerOptions): RespError {
  try {
    new ReplyScanner(options).scan(Buffer.from(text));
  } catch (error) {
    if (error instanceof RespError) return error;
    throw error;
  }
  throw new Error("no error");
}

/** One frame each. */
const FRAMES: readonly (readonly [string, string])[] = [
  ["a simple string", "+OK\r\n"],
  ["an empty simple string", "+\r\n"],
  ["an error", "-ERR no\r\n"],
  ["an integer", ":-42\r\n"],
  ["a signed integer", ":+42\r\n"],
  ["a bulk string", "$5\r\na\r\nb$\r\n"],
  ["an empty bulk string", "$0\r\n\r\n"],
  ["a null bulk string", "$-1\r\n"],
  ["an array", "*2\r\n:1\r\n$1\r\nx\r\n"],
  ["an empty array", "*0\r\n"],
  ["a null array", "*-1\r\n"],
  ["a nested array", "*2\r\n*2\r\n*0\r\n*-1\r\n*1\r\n*1\r\n+x\r\n"],
  ["null", "_\r\n"],
  ["a boolean", "#t\r\n"],
  ["a double", ",1.5e3\r\n"],
  ["infinity", ",-inf\r\n"],
  ["a big number", "(123456789012345678901234567890\r\n"],
  ["a bulk error", "!5\r\nERR x\r\n"],
  ["a verbatim string", "=7\r\ntxt:abc\r\n"],
  ["a map", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n"],
  ["an empty map", "%0\r\n"],
  ["a set", "~2\r\n+a\r\n+b\r\n"],
  ["a reply with an attribute", "|1\r\n+ttl\r\n:60\r\n+OK\r\n"],
  ["a reply with two attributes", "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n$1\r\nx\r\n"],
  ["an empty attribute", "|0\r\n+OK\r\n"],
  ["an attribute inside an array", "*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n+x\r\n+y\r\n"],
  ["a streamed string", "$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n"],
  ["a streamed array", "*?\r\n:1\r\n*1\r\n:2\r\n.\r\n"],
  ["a streamed map around a streamed string", "%?\r\n+a\r\n$?\r\n;1\r\nx\r\n;0\r\n.\r\n"],
  ["a streamed set inside an array", "*2\r\n~?\r\n:1\r\n.\r\n+x\r\n"],
  ["a push", ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"],
];

const STREAM = Buffer.from(FRAMES.map(([, text]) => text).join(""));

describe("ReplyScanner", () => {
  test.each(FRAMES)("frames %s", (_, text) => {
    const bytes = Buffer.from(`${text}+NEXT\r\n`);
    const scanner = new ReplyScanner();
    expect(scanner.scanFrame(bytes)).toBe(text.length);
    expect(scanner.atBoundary).toBe(true);
    expect(scanner.isPush).toBe(text.startsWith(">"));
  });

  test.each(FRAMES)("does not end %s early", (_, text) => {
    for (let length = 1; length < text.length; length++) {
      const scanner = new ReplyScanner();
      scanner.scanFrame(Buffer.from(text.slice(0, length)));
      expect(scanner.atBoundary, JSON.stringify(text.slice(0, length))).toBe(false);
    }
  });

  test("finds the same frames wherever the stream is cut in two", () => {
    const whole = framesOf([STREAM]);
    expect(whole.map(({ start, end }) => STREAM.toString("latin1", start, end))).toEqual(
      FRAMES.map(([, text]) => text),
    );
    for (const pieces of cutInTwo(STREAM)) expect(framesOf(pieces)).toEqual(whole);
  });

  test("finds the same frames byte by byte", () => {
    expect(framesOf([...STREAM].map((byte) => Buffer.of(byte)))).toEqual(framesOf([STREAM]));
  });

  test("finds the frames of random streams cut at random places", () => {
    const random = seededRandom(7);
    for (let round = 0; round < 500; round++) {
      const texts = Array.from({ length: random(10) }, () => randomFrame(random));
      const frames = framesOf(cutAtRandom(Buffer.from(texts.join("")), random));
      let at = 0;
      const expected = texts.map((text) => [at, (at += text.length), text.startsWith(">")]);
      expect(
        frames.map(({ start, end, isPush }) => [start, end, isPush]),
        `round ${round}`,
      ).toEqual(expected);
    }
  });

  test("counts replies and pushes apart, and stops after as many replies as asked for", () => {
    const scanner = new ReplyScanner();
    const bytes = Buffer.from(">1\r\n+a\r\n+1\r\n>1\r\n+b\r\n+2\r\n+3\r\n");
    const offset = scanner.scan(bytes, 0, 2);
    expect(bytes.toString("latin1", offset)).toBe("+3\r\n");
    expect([scanner.replies, scanner.pushes]).toEqual([2, 2]);
    scanner.scan(bytes, offset);
    expect([scanner.replies, scanner.pushes]).toEqual([3, 2]);
  });

  test("takes the type and the preview of a reply from behind its attributes", () => {
    const text = "|1\r\n+key-popularity\r\n,0.1\r\n+OK\r\n";
    for (const pieces of cutInTwo(Buffer.from(text))) {
      expect(framesOf(pieces)).toMatchObject([{ type: "+", start: 0, end: text.length, preview: "+OK\r\n" }]);
    }
  });

  test("previews at most 64 bytes, cut or not", () => {
    const text = `$100\r\n${"x".repeat(100)}\r\n`;
    for (const pieces of cutInTwo(Buffer.from(text))) {
      expect(framesOf(pieces)[0]?.preview).toBe(text.slice(0, 64));
    }
  });

  test("remembers the last integer, also one inside an aggregate", () => {
    const scanner = new ReplyScanner();
    scanner.scan(Buffer.from(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:17\r\n"));
    expect(scanner.lastInteger).toBe(17);
    scanner.scan(Buffer.from(":-3\r\n"));
    expect(scanner.lastInteger).toBe(-3);
  });

  test("skips a payload without reading it", () => {
    const scanner = new ReplyScanner();
    const chunk = Buffer.alloc(1_048_576);
    scanner.scan(Buffer.from("$536870912\r\n"));
    for (let count = 0; count < 512; count++) expect(scanner.scan(chunk)).toBe(chunk.length);
    scanner.scan(Buffer.from("\r\n"));
    expect(scanner.replies).toBe(1);
  });

  test.each<readonly [string, string, string]>([
    ["an unknown type", "x\r\n", "ERR_RESP_SYNTAX"],
    ["a length that is no number", "$x\r\n", "ERR_RESP_SYNTAX"],
    ["no length", "*\r\n", "ERR_RESP_SYNTAX"],
    ["a length of -2", "$-2\r\n", "ERR_RESP_SYNTAX"],
    ["a negative map", "%-1\r\n", "ERR_RESP_SYNTAX"],
    ["a sign in a length", "$+1\r\n", "ERR_RESP_SYNTAX"],
    ["digits behind a streamed length", "$?1\r\n", "ERR_RESP_SYNTAX"],
    ["a streamed attribute", "|?\r\n", "ERR_RESP_SYNTAX"],
    ["LF alone behind a length", "$1\nx\r\n", "ERR_RESP_SYNTAX"],
    ["CR without LF behind a line", "+OK\rx", "ERR_RESP_SYNTAX"],
    ["a payload longer than announced", "$1\r\nxy\r\n", "ERR_RESP_SYNTAX"],
    ["a payload shorter than announced", "$3\r\nx\r\n+OK\r\n", "ERR_RESP_SYNTAX"],
    ["an end of nothing streamed", ".\r\n", "ERR_RESP_SYNTAX"],
    ["an end inside a counted array", "*1\r\n.\r\n", "ERR_RESP_SYNTAX"],
    ["a streamed string without chunks", "$?\r\n+x\r\n", "ERR_RESP_SYNTAX"],
    ["a bulk string over the limit", "$536870913\r\n", "ERR_RESP_BULK_TOO_LONG"],
    ["too many elements", "*4294967296\r\n", "ERR_RESP_TOO_MANY_ELEMENTS"],
    ["aggregates nested too deep", "*1\r\n".repeat(129), "ERR_RESP_NESTING_TOO_DEEP"],
    ["an endless line", `+${"x".repeat(1_048_577)}`, "ERR_RESP_LINE_TOO_LONG"],
  ])("refuses %s", (_, text, code) => {
    expect(errorOf(text).code).toBe(code);
  });

  test("says where the stream went wrong and what was found", () => {
    expect(errorOf("+OK\r\n?").message).toBe('Expected a type, got "?" (0x3f) at byte 5 of the stream');
    expect(errorOf("*1\r\n*1\r\n*1\r\n", { maxNesting: 2 }).message).toBe(
      "Aggregates nested deeper than the limit of 2 at byte 12 of the stream",
    );
  });

  test("accepts nothing after an error", () => {
    const scanner = new ReplyScanner();
    expect(() => scanner.scan(Buffer.from("x"))).toThrow(RespError);
    expect(() => scanner.scan(Buffer.from("+OK\r\n"))).toThrow(/failed before/);
  });
});

function randomFrame(random: (below: number) => number): string {
  const attribute = random(8) === 0 ? `|1\r\n${randomValue(random, 2)}${randomValue(random, 2)}` : "";
  const push = random(6) === 0 ? `>2\r\n+kind\r\n${randomValue(random, 1)}` : undefined;
  return push ?? attribute + randomValue(random, 0);
}

function randomValue(random: (below: number) => number, depth: number): string {
  const values = (count: number): string =>
    Array.from({ length: count }, () => randomValue(random, depth + 1)).join("");
  const count = random(4);
  const payload = "\r\n+$x".repeat(random(12));
  switch (random(depth < 4 ? 15 : 9)) {
    case 0:
      return `+${"x".repeat(random(60))}\r\n`;
    case 1:
      return "-ERR no\r\n";
    case 2:
      return `:${random(100) - 50}\r\n`;
    case 3:
      return "_\r\n";
    case 4:
      return ["$-1\r\n", "*-1\r\n", "#f\r\n", ",nan\r\n", "(99\r\n"][random(5)]!;
    case 5:
    case 6:
      return `$${payload.length}\r\n${payload}\r\n`;
    case 7:
      return `=${payload.length + 4}\r\ntxt:${payload}\r\n`;
    case 8:
      return `$?\r\n;2\r\n\r\n\r\n;0\r\n`;
    case 9:
    case 10:
      return `*${count}\r\n${values(count)}`;
    case 11:
      return `%${count}\r\n${values(2 * count)}`;
    case 12:
      return `~${count}\r\n${values(count)}`;
    case 13:
      return `*?\r\n${values(count)}.\r\n`;
    default:
      return `%?\r\n${values(2 * count)}.\r\n`;
  }
}
