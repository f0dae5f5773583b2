import { encodeCommand, parseCommand, RespError } from "resp-framing";
import { describe, expect, test } from "vitest";
import { CommandReader } from "../../../src/proxy/shared/command-reader.js";
import { seededRandom } from "../../support/random.js";

const ARGUMENTS = ["GET", "a", "", "\r\n", "*1\r\n$4\r\nPING\r\n", "x".repeat(300), "$", "é"];

/** A command as servers put up with it: inline, with zeros before its lengths, with blanks around it. */
function inSomeForm(args: readonly string[], random: () => number): Buffer {
  const form = Math.floor(random() * 5);
  if (form === 0 && args.every((arg) => /^\w+$/.test(arg))) return Buffer.from(`${args.join(" ")}\r\n`);
  const plain = encodeCommand(args);
  if (form === 1) return Buffer.concat([Buffer.from("\r\n"), plain]);
  if (form === 2) return Buffer.concat([Buffer.from("*0\r\n*-1\r\n \t\r\n"), plain]);
  if (form === 3) {
    const parts = args.flatMap((arg) => [`$00${Buffer.byteLength(arg)}\r\n`, arg, "\r\n"]);
    return Buffer.from([`*0${args.length}\r\n`, ...parts].join(""));
  }
  return plain;
}

/** Feeds these bytes in pieces, through one buffer that is used again for each, as sockets do it. */
function readAll(bytes: Buffer, random: () => number, most: number): Buffer[] {
  const reader = new CommandReader();
  const shared = Buffer.alloc(65_536);
  const commands: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, 1 + Math.floor(random() * most));
    bytes.copy(shared, 0, at, at + length);
    at += length;
    reader.feed(shared.subarray(0, length));
    while (reader.next() === "command") commands.push(Buffer.from(reader.command));
    reader.keep();
  }
  return commands;
}

describe("commands in any form, in any pieces", () => {
  test.each([3, 40, 5_000])(
    "come out in the one form that all servers read alike: pieces of %i bytes",
    (most) => {
      const random = seededRandom(most);
      const sent = Array.from({ length: 2_000 }, () => [
        "GET",
        ...Array.from(
          { length: Math.floor(random() * 4) },
          () => ARGUMENTS[Math.floor(random() * ARGUMENTS.length)]!,
        ),
      ]);
      const bytes = Buffer.concat(sent.map((args) => inSomeForm(args, random)));
      const commands = readAll(bytes, random, most);
      expect(commands.map(String)).toEqual(sent.map((args) => String(encodeCommand(args))));
    },
  );

  test("random bytes end in an error or in commands that are well-formed", () => {
    const random = seededRandom(11);
    const alphabet = ["*", "$", "1", "2", "0", "-", "\r\n", "\r", "\n", "GET", " ", '"', "'", "\\x", "a"];
    let errors = 0;
    for (let round = 0; round < 5_000; round += 1) {
      const bytes = Buffer.from(
        Array.from(
          { length: 1 + Math.floor(random() * 20) },
          () => alphabet[Math.floor(random() * alphabet.length)],
        ).join(""),
      );
      try {
        for (const command of readAll(bytes, random, 8)) {
          expect(encodeCommand(parseCommand(command)).equals(command)).toBe(true);
        }
      } catch (error) {
        if (!(error instanceof RespError)) throw error;
        errors += 1;
      }
    }
    expect(errors).toBeGreaterThan(100);
  });
});

test("a command is found again after going back to it, with its name and its arguments", () => {
  const reader = new CommandReader();
  reader.feed(
    Buffer.concat([encodeCommand(["PING"]), Buffer.from("echo 'a b'\r\n"), encodeCommand(["GET", "k"])]),
  );
  expect([reader.next(), reader.name]).toEqual(["command", "PING"]);
  expect([reader.next(), reader.name, reader.start]).toEqual(["command", "echo", -1]);
  reader.rewind();
  expect([reader.next(), reader.args.map(String)]).toEqual(["command", ["echo", "a b"]]);
  expect([reader.next(), reader.name, reader.next()]).toEqual(["command", "GET", "more"]);
});

test("a command of more than a megabyte is told before it is whole", () => {
  const reader = new CommandReader();
  reader.feed(encodeCommand(["SET", "k", "v".repeat(2_000_000)]).subarray(0, 1_500_000));
  expect(reader.next()).toBe("long");
  expect(reader.takeRest()).toHaveLength(1_500_000);
});

test.each(["*2147483648\r\n", "*9999999999\r\n$4\r\n", "*2\r\n$3\r\nGET\r\n$536870913\r\n"])(
  "what no server would take is refused before it is whole: %j",
  (bytes) => {
    const reader = new CommandReader();
    reader.feed(Buffer.from(bytes));
    expect(() => reader.next()).toThrow(/more than the limit/);
  },
);
