import { describe, expect, test } from "vitest";
import { type BlockingCommand, blockingCommand, withTimeout } from "../../src/inband/blocking-command.js";

type Argument = string | Buffer;

const words = (line: string): string[] => line.split(" ");

/** Recognises a command that must block. */
function blocking(args: readonly Argument[]): BlockingCommand {
  const command = blockingCommand(args);
  if (command === undefined) throw new Error(`not recognised: ${args.join(" ")}`);
  return command;
}

/** The command with a timeout of five seconds, as it would be sent. */
function sliced(line: string): string {
  const args = words(line);
  return withTimeout(args, blocking(args), 5_000).join(" ");
}

describe("every command form: the timeout alone is replaced", () => {
  test.each([
    ["BLPOP key 0", "BLPOP key 5.000"],
    ["blpop a b c 0.5", "blpop a b c 5.000"],
    ["BlPop 0 0", "BlPop 0 5.000"],
    ["BRPOP a b 10", "BRPOP a b 5.000"],
    ["BRPOPLPUSH from to 0", "BRPOPLPUSH from to 5.000"],
    ["BLMOVE from to LEFT RIGHT 0", "BLMOVE from to LEFT RIGHT 5.000"],
    ["BZPOPMIN a b 0", "BZPOPMIN a b 5.000"],
    ["BZPOPMAX a 0", "BZPOPMAX a 5.000"],
    ["BLMPOP 0 2 a b LEFT COUNT 7", "BLMPOP 5.000 2 a b LEFT COUNT 7"],
    ["BZMPOP 0 1 a MIN", "BZMPOP 5.000 1 a MIN"],
    ["XREAD BLOCK 0 STREAMS s 0-0", "XREAD BLOCK 5000 STREAMS s 0-0"],
    ["xread count 2 block 0 streams s $", "xread count 2 block 5000 streams s $"],
    ["XREAD BLOCK 0 COUNT 2 STREAMS a b 0 0", "XREAD BLOCK 5000 COUNT 2 STREAMS a b 0 0"],
    ["XREAD BLOCK 1 BLOCK 0 STREAMS s 0", "XREAD BLOCK 1 BLOCK 5000 STREAMS s 0"],
    ["XREADGROUP GROUP g c BLOCK 0 STREAMS s >", "XREADGROUP GROUP g c BLOCK 5000 STREAMS s >"],
    [
      "XREADGROUP GROUP g c COUNT 1 BLOCK 0 NOACK STREAMS s >",
      "XREADGROUP GROUP g c COUNT 1 BLOCK 5000 NOACK STREAMS s >",
    ],
    [
      "XREADGROUP GROUP g c NOACK CLAIM 9 BLOCK 0 STREAMS s >",
      "XREADGROUP GROUP g c NOACK CLAIM 9 BLOCK 5000 STREAMS s >",
    ],
  ])("%s", (line, expected) => {
    expect(sliced(line)).toBe(expected);
    expect(blockingCommand(words(line).map((word) => Buffer.from(word)))).toEqual(
      blockingCommand(words(line)),
    );
  });
});

describe("names that look like options are names", () => {
  test.each([
    ["XREADGROUP GROUP g block BLOCK 0 STREAMS s >", "XREADGROUP GROUP g block BLOCK 5000 STREAMS s >"],
    ["XREADGROUP GROUP streams c BLOCK 0 STREAMS s >", "XREADGROUP GROUP streams c BLOCK 5000 STREAMS s >"],
    ["XREADGROUP GROUP g streams BLOCK 0 STREAMS s >", "XREADGROUP GROUP g streams BLOCK 5000 STREAMS s >"],
    [
      "XREADGROUP GROUP BLOCK 0 BLOCK 0 STREAMS STREAMS >",
      "XREADGROUP GROUP BLOCK 0 BLOCK 5000 STREAMS STREAMS >",
    ],
    ["XREAD BLOCK 0 STREAMS BLOCK STREAMS 0 0", "XREAD BLOCK 5000 STREAMS BLOCK STREAMS 0 0"],
    ["BLPOP BLOCK STREAMS 0", "BLPOP BLOCK STREAMS 5.000"],
  ])("%s", (line, expected) => {
    expect(sliced(line)).toBe(expected);
  });

  test.each([
    "XREADGROUP GROUP block worker-1 STREAMS s >",
    "XREADGROUP GROUP g block STREAMS s >",
    "XREADGROUP GROUP block 0 STREAMS s >",
    "XREAD STREAMS BLOCK 0",
    "XREAD COUNT 1 STREAMS BLOCK 0 0 0",
  ])("%s does not block", (line) => {
    expect(blockingCommand(words(line))).toBeUndefined();
  });
});

describe("what Redis refuses is left to Redis", () => {
  test.each([
    "BLPOP",
    "BLPOP 0",
    "BLPOP key abc",
    "BLPOP key inf",
    "BLPOP key nan",
    "BLPOP key -1",
    "BLPOP key +1",
    "BLPOP key ",
    "BLPOP key 0x10",
    "BLPOP key 1e3",
    "BLPOP key .",
    "BLPOP key 99999999999999999999",
    "BRPOPLPUSH from 0",
    "BLMOVE from to LEFT 0",
    "BLMPOP 0",
    "BLMPOP a 0 LEFT 0",
    "BZMPOP -1 1 a MIN",
    "XREAD",
    "XREAD BLOCK",
    "XREAD BLOCK 0",
    "XREAD BLOCK x STREAMS s $",
    "XREAD BLOCK 1.5 STREAMS s $",
    "XREAD BLOCK 00 STREAMS s $",
    "XREAD BLOCK -1 STREAMS s $",
    "XREAD BLOCK STREAMS s $",
    "XREAD BLOCK 0 STREAMS",
    "XREAD BLOCK 0 STREAMS s",
    "XREAD BLOCK 0 STREAMS a b 0",
    "XREAD BLOCK 0 NONSENSE STREAMS s 0",
    "XREADGROUP GROUP",
    "XREADGROUP GROUP g c BLOCK",
  ])("%s", (line) => {
    expect(blockingCommand(words(line))).toBeUndefined();
  });

  test("a number, which node-redis does not encode", () => {
    expect(blockingCommand(["BLPOP", "key", 0 as unknown as string])).toBeUndefined();
  });

  test("`$` for a group", () => {
    expect(blocking(words("XREADGROUP GROUP g c BLOCK 0 STREAMS s $")).newEntriesOnly).toEqual([]);
  });
});

test.each(["GET key", "XADD s * a 1", "BITCOUNT key", "XRANGE s - +", "BGSAVE", "MULTI", "LPOP key 0"])(
  "%s does not block",
  (line) => {
    expect(blockingCommand(words(line))).toBeUndefined();
  },
);

test("no command at all", () => {
  expect(blockingCommand([])).toBeUndefined();
});

test.each([
  ["BLPOP key 0", Number.POSITIVE_INFINITY],
  ["BLPOP key 0.000", Number.POSITIVE_INFINITY],
  ["BLPOP key 1.5", 1_500],
  ["BLPOP key .5", 500],
  ["BLPOP key 007", 7_000],
  ["XREAD BLOCK 0 STREAMS s 0", Number.POSITIVE_INFINITY],
  ["XREAD BLOCK 1500 STREAMS s 0", 1_500],
])("the timeout of %s is %d ms", (line, expected) => {
  expect(blocking(words(line)).timeoutMs).toBe(expected);
});

test("`$` is found on each of several streams, with its key", () => {
  const args = words("XREAD COUNT 1 BLOCK 0 STREAMS $ b c $ 0-1 $");
  const found = blocking(args).newEntriesOnly;
  expect(found.map(({ keyIndex, idIndex }) => [args[keyIndex], idIndex])).toEqual([
    ["$", 9],
    ["c", 11],
  ]);
});

test.each([
  ["BLPOP key 0", 0, "BLPOP key 0.001"],
  ["BLPOP key 0", 0.2, "BLPOP key 0.001"],
  ["BLPOP key 0", 1_234.1, "BLPOP key 1.235"],
  ["XREAD BLOCK 0 STREAMS s 0", -5, "XREAD BLOCK 1 STREAMS s 0"],
])("%s for %d ms is %s: never 0, which would be for ever", (line, timeoutMs, expected) => {
  const args = words(line);
  expect(withTimeout(args, blocking(args), timeoutMs).join(" ")).toBe(expected);
  expect(args.join(" ")).toBe(line);
});
