import { parseCommand } from "resp-framing";
import { describe, expect, test } from "vitest";
import { BlockedCommand } from "../../src/inband/blocked-command.js";
import { blockingCommand } from "../../src/inband/blocking-command.js";
import { ManualClock } from "../../src/testing/index.js";

const NULL = "*-1\r\n";

type Answer = () => { readonly afterMs: number; readonly frame: string } | "closed";

/** A connection on which the server answers as told: after so many milliseconds, with this. */
class Scripted {
  readonly clock = new ManualClock();
  readonly sent: string[] = [];
  readonly shown: string[] = [];
  logins = 0;
  readonly #answers: Answer[];
  readonly #sliceMs: number;

  constructor(sliceMs: number, ...answers: Answer[]) {
    this.#sliceMs = sliceMs;
    this.#answers = answers;
  }

  run(line: string): Promise<void> {
    const args = line.split(" ");
    const command = blockingCommand(args);
    if (command === undefined) throw new Error(`${line} does not block`);
    return new BlockedCommand(args, command, this.clock, this).run();
  }

  fits(line: string): boolean {
    const args = line.split(" ");
    const command = blockingCommand(args);
    if (command === undefined) throw new Error(`${line} does not block`);
    return new BlockedCommand(args, command, this.clock, this).fits;
  }

  blockUntilMs(): number {
    return this.clock.now() + this.#sliceMs;
  }

  async loginIfDue(): Promise<void> {
    this.logins += 1;
  }

  async ask(request: Buffer, onReply: (frame: Buffer) => Buffer | undefined): Promise<boolean> {
    const command = parseCommand(request).map(String);
    this.sent.push(command.join(" "));
    const answer = this.#answers.shift()?.() ?? "closed";
    if (answer === "closed") return false;
    await this.clock.advance(answer.afterMs);
    const shown = onReply(Buffer.from(answer.frame));
    if (shown !== undefined) this.shown.push(shown.toString());
    return true;
  }
}

const timesOut =
  (ms: number, frame = NULL) =>
  () => ({ afterMs: ms, frame });
const answers =
  (frame: string): Answer =>
  () => ({ afterMs: 1, frame });

test("what ends before the next login fits and is sent as it is", () => {
  const wire = new Scripted(10_000);
  expect(wire.fits("BLPOP list 10")).toBe(true);
  expect(wire.fits("BLPOP list 10.001")).toBe(false);
  expect(wire.fits("BLPOP list 0")).toBe(false);
});

test("a finite timeout is cut into slices that add up, and its end is the client's", async () => {
  const wire = new Scripted(10_000, timesOut(10_000), timesOut(10_000), timesOut(5_000));
  await wire.run("BLPOP list 25");
  expect(wire.sent).toEqual(["BLPOP list 10.000", "BLPOP list 10.000", "BLPOP list 5.000"]);
  expect(wire.shown).toEqual([NULL]);
  expect(wire.logins).toBe(2);
});

test("one that blocks for ever is sent again until something comes", async () => {
  const found = "*2\r\n$4\r\nlist\r\n$1\r\na\r\n";
  const wire = new Scripted(
    10_000,
    timesOut(10_000),
    timesOut(10_000, "_\r\n"),
    timesOut(10_000, "$-1\r\n"),
    answers(found),
  );
  await wire.run("BLPOP list 0");
  expect(wire.shown).toEqual([found]);
  expect(wire.sent).toHaveLength(4);
});

test("null before the time is up is the client's: somebody has unblocked it", async () => {
  const wire = new Scripted(10_000, timesOut(10_000), timesOut(3_000));
  await wire.run("BLPOP list 0");
  expect(wire.shown).toEqual([NULL]);
});

test("an error is the client's, and the end", async () => {
  const wire = new Scripted(10_000, timesOut(10_000), answers("-WRONGTYPE no list\r\n"));
  await wire.run("BLPOP list 0");
  expect(wire.shown).toEqual(["-WRONGTYPE no list\r\n"]);
});

test("it ends with its connection", async () => {
  const wire = new Scripted(10_000, timesOut(10_000), () => "closed");
  await wire.run("BLPOP list 0");
  expect([wire.shown, wire.sent.length]).toEqual([[], 2]);
});

test("slices never get shorter than 50 ms, however close the login", async () => {
  const wire = new Scripted(-5_000, timesOut(50), timesOut(50), timesOut(20));
  await wire.run("BLPOP list 0.12");
  expect(wire.sent).toEqual(["BLPOP list 0.050", "BLPOP list 0.050", "BLPOP list 0.020"]);
});

describe("XREAD $", () => {
  const newest = "*1\r\n*2\r\n$3\r\n5-1\r\n*2\r\n$1\r\nk\r\n$1\r\nv\r\n";

  test("every slice asks from the entry that was the newest", async () => {
    const wire = new Scripted(
      10_000,
      answers(newest),
      answers("*0\r\n"),
      timesOut(10_000),
      answers("*1\r\n:1\r\n"),
    );
    await wire.run("XREAD BLOCK 0 STREAMS one two three $ $ 7-7");
    expect(wire.sent).toEqual([
      "XREVRANGE one + - COUNT 1",
      "XREVRANGE two + - COUNT 1",
      "XREAD BLOCK 10000 STREAMS one two three 5-1 0-0 7-7",
      "XREAD BLOCK 10000 STREAMS one two three 5-1 0-0 7-7",
    ]);
    expect(wire.shown).toEqual(["*1\r\n:1\r\n"]);
  });

  test("where the newest entry may not be read, it is sent as it is", async () => {
    const wire = new Scripted(10_000, answers("-NOPERM no\r\n"), answers(NULL));
    await wire.run("XREAD BLOCK 0 STREAMS one $");
    expect(wire.sent).toEqual(["XREVRANGE one + - COUNT 1", "XREAD BLOCK 0 STREAMS one $"]);
    expect(wire.shown).toEqual([NULL]);
  });
});
