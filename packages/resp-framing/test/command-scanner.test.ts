import { describe, expect, test } from "vitest";
import { CommandScanner, type CommandScannerOptions, encodeCommand, RespError } from "../src/index.js";
import { cutAtRandom, cutInTwo, seededRandom } from "./support/random.js";

interface Seen {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Scans command by command. */
function scanAll(chunks: readonly Buffer[], options?: CommandScannerOptions): Seen[] {
  const scanner = new CommandScanner(options);
  const seen: Seen[] = [];
  for (const chunk of chunks) {
    let offset = 0;
    while (offset < chunk.length) {
      const before = scanner.commands;
      offset = scanner.scan(chunk, offset, 1);
      if (scanner.commands > before) {
        seen.push({ name: scanner.name, start: scanner.commandStart, end: scanner.position });
      }
    }
  }
  return seen;
}

function errorOf(text: string, options?: CommandScannerOptions): RespError {
  try {
    new CommandScanner(options).scan(Buffer.from(text));
  } catch (error) {
    if (error instanceof RespError) return error;
    throw error;
  }
  throw new Error("no error");
}

const STREAM = Buffer.concat([
  encodeCommand(["SET", "key", "value with \r\n in it *1\r\n"]),
  Buffer.from("PING\r\n"),
  Buffer.from("\r\n\n  \r\n*0\r\n*-1\r\n"),
  encodeCommand(["AUTH", "user", "password"]),
  Buffer.from("  get 'a b'\n"),
  encodeCommand(["", ""]),
  encodeCommand(["x".repeat(100)]),
  Buffer.from('"auth" user password\r\n'),
  encodeCommand(["hello", "3"]),
]);

const EXPECTED = ["SET", "PING", "AUTH", "GET", "", "", "AUTH", "HELLO"];

describe("CommandScanner", () => {
  test.each<readonly [string, string, number]>([
    ["an array", "*1\r\n$4\r\nPING\r\n", 1],
    ["an inline command", "PING\r\n", 1],
    ["an inline command that ends with LF alone", "PING\n", 1],
    ["an empty line", "\r\n", 0],
    ["an empty line of LF alone", "\n", 0],
    ["a line of blanks", "  \r\n", 0],
    ["an empty array", "*0\r\n", 0],
    ["a null array", "*-1\r\n", 0],
    ["an empty array, then a command", "*0\r\n*1\r\n$4\r\nPING\r\n", 1],
    ["an empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", 1],
    ["an incomplete command", "*2\r\n$4\r\nECHO\r\n$1\r\n", 0],
    ["a payload without its CRLF", "*1\r\n$4\r\nPING", 0],
    ["an inline command without its end", "PING", 0],
  ])("counts %s", (_, text, count) => {
    const scanner = new CommandScanner();
    expect(scanner.scan(Buffer.from(text))).toBe(text.length);
    expect(scanner.commands).toBe(count);
  });

  test("names each command and tells where it begins and ends", () => {
    const seen = scanAll([STREAM]);
    expect(seen.map(({ name }) => name)).toEqual(EXPECTED);
    expect(STREAM.toString("latin1", seen[2]!.start, seen[2]!.end)).toBe(
      "*3\r\n$4\r\nAUTH\r\n$4\r\nuser\r\n$8\r\npassword\r\n",
    );
    expect(STREAM.toString("latin1", seen[3]!.start, seen[3]!.end)).toBe("  get 'a b'\n");
  });

  test("finds the same commands wherever the stream is cut in two", () => {
    const whole = scanAll([STREAM]);
    for (const pieces of cutInTwo(STREAM)) expect(scanAll(pieces)).toEqual(whole);
  });

  test("finds the same commands byte by byte", () => {
    expect(scanAll([...STREAM].map((byte) => Buffer.of(byte)))).toEqual(scanAll([STREAM]));
  });

  test("finds the commands of random streams cut at random places", () => {
    const random = seededRandom(20_261_120);
    const names = ["GET", "auth", "Set", "SUBSCRIBE", "x", "averyveryverylongnamethatnobodyhas12345"];
    for (let round = 0; round < 500; round++) {
      const parts: Buffer[] = [];
      const expected: Seen[] = [];
      let at = 0;
      for (let count = random(12); count > 0; count--) {
        const name = names[random(names.length)]!;
        const args = Array.from({ length: random(5) }, () => "\r\n$*x ".repeat(random(12)));
        const isInline = random(4) === 0;
        const bytes = isInline
          ? Buffer.from(`${name} a b${random(2) === 0 ? "\r" : ""}\n`)
          : encodeCommand([name, ...args]);
        const noise = Buffer.from(["", "\r\n", "*0\r\n", "*-1\r\n", "\n"][random(5)]!);
        parts.push(noise, bytes);
        at += noise.length;
        expected.push({
          name: name.length > 32 ? "" : name.toUpperCase(),
          start: at,
          end: at + bytes.length,
        });
        at += bytes.length;
      }
      expect(scanAll(cutAtRandom(Buffer.concat(parts), random)), `round ${round}`).toEqual(expected);
    }
  });

  test("stops behind a watched command, in any case, and counts those before it", () => {
    const scanner = new CommandScanner({ watch: ["AUTH", "HELLO"] });
    const stops: unknown[] = [];
    for (let offset = 0; offset < STREAM.length; ) {
      offset = scanner.scan(STREAM, offset);
      stops.push([scanner.watched, scanner.commands]);
    }
    expect(stops).toEqual([
      ["AUTH", 3],
      ["AUTH", 7],
      ["HELLO", 8],
    ]);
  });

  test("stops behind the same watched commands wherever the stream is cut in two", () => {
    for (const pieces of cutInTwo(STREAM)) {
      const scanner = new CommandScanner({ watch: ["AUTH", "HELLO"] });
      const stops: unknown[] = [];
      for (const piece of pieces) {
        for (let offset = 0; offset < piece.length; ) {
          offset = scanner.scan(piece, offset);
          if (scanner.watched !== undefined) stops.push([scanner.watched, scanner.position]);
        }
      }
      expect(stops.map((stop) => (stop as unknown[])[0])).toEqual(["AUTH", "AUTH", "HELLO"]);
    }
  });

  test("says whether an unfinished command may be a watched one", () => {
    const command = encodeCommand(["AUTH", "user", "password"]);
    const other = encodeCommand(["ECHO", "user"]);
    const nameEnd = command.indexOf("AUTH") + 4;
    for (let at = 1; at < command.length; at++) {
      const scanner = new CommandScanner({ watch: ["AUTH"] });
      scanner.scan(command.subarray(0, at));
      expect(scanner.mayBeWatched, `${at} bytes of AUTH`).toBe(true);
    }
    for (let at = 1; at < other.length; at++) {
      const scanner = new CommandScanner({ watch: ["AUTH"] });
      scanner.scan(other.subarray(0, at));
      expect(scanner.mayBeWatched, `${at} bytes of ECHO`).toBe(at < nameEnd);
    }
  });

  test("is at a boundary between commands only", () => {
    const scanner = new CommandScanner();
    scanner.scan(Buffer.from("PING\r\nPI"));
    expect(scanner.atBoundary).toBe(false);
    scanner.scan(Buffer.from("NG\r\n\r\n"));
    expect(scanner.atBoundary).toBe(true);
  });

  test.each([
    ['"\\x61uth" x', "AUTH"],
    ['"a\\uth" x', "AUTH"],
    ["au'th' x", "AUTH"],
    ["AUTH\vx", "AUTH\vX"],
    ['\f\v"AUTH"\fx', "AUTH"],
    ['"AUTH " x', "AUTH "],
    ["'a\\'b' x", "A'B"],
    ["'a\\\\'b' x", "A\\'B"],
    ['"a\\"b" x', 'A"B'],
    ['"AUTH"x', ""],
    ['"AUTH', ""],
    ["auth\u00a0x", "AUTH\u00a0X"],
    [`"${"\\x61".repeat(32)}"`, "A".repeat(32)],
    [`"${"\\x61".repeat(33)}"`, ""],
  ])("names the inline command %j as Redis does", (line, name) => {
    const bytes = Buffer.from(`${line}\r\n`, "latin1");
    for (const [one, other] of cutInTwo(bytes)) {
      const scanner = new CommandScanner({ watch: ["AUTH"] });
      scanner.scan(one);
      scanner.scan(other, 0, 1);
      expect([scanner.name, scanner.commands]).toEqual([name, 1]);
    }
  });

  test("keeps the name of a command that goes on in another chunk, whatever becomes of the first one", () => {
    const scanner = new CommandScanner();
    const bytes = encodeCommand(["SET", "key", "value"]);
    const first = Buffer.from(bytes.subarray(0, 20));
    scanner.scan(first);
    first.fill("#");
    scanner.scan(bytes.subarray(20));
    expect([scanner.name, scanner.commands]).toEqual(["SET", 1]);
  });

  test("a line that begins with a blank is an inline command, whatever follows the blank", () => {
    const scanner = new CommandScanner();
    scanner.scan(Buffer.from(" "));
    expect(scanner.atBoundary).toBe(false);
    scanner.scan(Buffer.from("*2\r\n"));
    expect([scanner.atBoundary, scanner.commands, scanner.name]).toEqual([true, 1, "*2"]);
  });

  test("reports the number of elements of an array", () => {
    const scanner = new CommandScanner();
    scanner.scan(encodeCommand(["MGET", "a", "b"]));
    expect(scanner.elements).toBe(3);
  });

  test("skips a payload without reading it", () => {
    // 512 MB announced and never handed in as anything but the same zeroed chunk: reading would take seconds.
    const scanner = new CommandScanner();
    const chunk = Buffer.alloc(1_048_576);
    scanner.scan(Buffer.from("*2\r\n$4\r\nECHO\r\n$536870912\r\n"));
    for (let count = 0; count < 512; count++) expect(scanner.scan(chunk)).toBe(chunk.length);
    scanner.scan(Buffer.from("\r\n"));
    expect(scanner.commands).toBe(1);
  });

  test.each<readonly [string, string, string, number]>([
    ["an argument that is no bulk string", "*1\r\n:1\r\n", "ERR_RESP_SYNTAX", 4],
    ["LF alone behind an array's header", "*1\n", "ERR_RESP_SYNTAX", 2],
    ["CR without LF", "*1\rx", "ERR_RESP_SYNTAX", 3],
    ["a length that is no number", "*1\r\n$x\r\n", "ERR_RESP_SYNTAX", 5],
    ["no length", "*\r\n", "ERR_RESP_SYNTAX", 1],
    ["a negative argument", "*1\r\n$-1\r\n", "ERR_RESP_SYNTAX", 5],
    ["an argument over the limit", "*1\r\n$536870913\r\n", "ERR_RESP_BULK_TOO_LONG", 15],
    ["too many arguments", "*2147483648\r\n", "ERR_RESP_TOO_MANY_ELEMENTS", 12],
    ["an endless number", `*${"1".repeat(20)}`, "ERR_RESP_SYNTAX", 17],
    ["an endless inline command", `PING ${"x".repeat(70_000)}`, "ERR_RESP_LINE_TOO_LONG", 70_005],
    ["an endless inline name", "x".repeat(70_000), "ERR_RESP_LINE_TOO_LONG", 65_537],
    ["endless blanks", " ".repeat(70_000), "ERR_RESP_LINE_TOO_LONG", 65_537],
    ["a zero byte in an inline name", "PI\0NG\n", "ERR_RESP_SYNTAX", 2],
    ["a zero byte in an inline command", "PING \0\n", "ERR_RESP_SYNTAX", 5],
  ])("refuses %s", (_, text, code, position) => {
    expect(errorOf(text)).toMatchObject({ code, position });
  });

  test("names the limit and what was found", () => {
    expect(errorOf("*1\r\n$11\r\n", { maxBulkLength: 10 }).message).toBe(
      "An argument of 11 bytes, more than the limit of 10, at byte 8 of the stream",
    );
    expect(errorOf("*1\r\n:").message).toBe('Expected "$", got ":" (0x3a) at byte 4 of the stream');
  });

  test("accepts nothing after an error", () => {
    const scanner = new CommandScanner();
    expect(() => scanner.scan(Buffer.from("*x"))).toThrow(RespError);
    expect(() => scanner.scan(Buffer.from("PING\r\n"))).toThrow(/failed before/);
  });
});

describe("CommandScanner.skip", () => {
  const watch = ["MULTI", "HELLO"];
  const names = ["SET", "GET", "MULTI", "hello", "PING", "X".repeat(40)];

  test("passes over whole commands as scan does, and reads nothing of anything else", () => {
    const pick = seededRandom(11);
    let skipped = 0;
    for (let round = 0; round < 2_000; round += 1) {
      const commands = Array.from({ length: pick(5) }, () =>
        encodeCommand([
          names[pick(names.length)] ?? "",
          ...Array.from({ length: pick(4) }, () => "é\r\n$".repeat(pick(9))),
        ]),
      );
      const whole = Buffer.concat(commands);
      const chunk = whole.subarray(0, pick(5) > 0 ? whole.length : pick(whole.length));
      const [fast, slow] = [new CommandScanner({ watch }), new CommandScanner({ watch })];
      fast.scan(encodeCommand(["PING"]));
      slow.scan(encodeCommand(["PING"]));
      const before = { position: fast.position, commands: fast.commands };
      if (fast.skip(chunk)) {
        skipped += 1;
        expect(slow.scan(chunk)).toBe(chunk.length);
        expect(slow.watched).toBeUndefined();
        expect(slow.atBoundary).toBe(true);
        expect([fast.position, fast.commands]).toEqual([slow.position, slow.commands]);
        if (chunk.length > 0) expect(fast.commandStart).toBe(slow.commandStart);
      } else {
        expect({ position: fast.position, commands: fast.commands }).toEqual(before);
        const end = slow.scan(chunk);
        const hasLongName = chunk.includes("X".repeat(40));
        expect(slow.watched !== undefined || end < chunk.length || !slow.atBoundary || hasLongName).toBe(
          true,
        );
      }
      fast.scan(encodeCommand(["MULTI"]));
      if (fast.atBoundary && fast.commands === slow.commands) expect(fast.watched).toBe("MULTI");
    }
    expect(skipped).toBeGreaterThan(300);
  });

  test.each([
    "PING\r\n",
    "*0\r\n",
    "*-1\r\n",
    "\r\n",
    "*1\r\n$4\r\nPIN",
    "*1\r\n$\r\n",
    "*1\r\n$4\nPING\r\n",
    "*1\r\n:4\r\n",
  ])("leaves %j to scan", (text) => {
    const scanner = new CommandScanner();
    expect(scanner.skip(Buffer.from(text))).toBe(false);
    expect(scanner.position).toBe(0);
  });

  test("reads nothing in the middle of a command", () => {
    const scanner = new CommandScanner();
    const ping = encodeCommand(["PING"]);
    scanner.scan(ping.subarray(0, 5));
    expect(scanner.skip(ping)).toBe(false);
  });
});
