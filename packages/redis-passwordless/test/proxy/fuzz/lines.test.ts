import { connect } from "node:net";
import { CommandScanner, parseCommand } from "resp-framing";
import { expect, test } from "vitest";
import { Frames } from "../../inband/support.js";
import { seededRandom } from "../../support/random.js";
import { record } from "../../support/record.js";
import { RedisProcess, randomPassword } from "../../support/redis-processes.js";
import { LONG } from "../transparency/length.js";
import { pick, upTo } from "./client-bytes.js";
import { FIRST_SEED } from "./length.js";

const LINES = LONG ? 100_000 : 3_000;
/** Of these, lines are made; no line of them is a command that exists. */
const PARTS = [
  '"',
  '"',
  "'",
  "'",
  "\\",
  "\\",
  "\\x41",
  "\\n",
  " ",
  " ",
  "\t",
  "\v",
  "\f",
  "\r",
  "z",
  "Zz",
  "*1",
  "$1",
  "\xe9",
];
const LONGEST_SHOWN = 128;
const STAR = 42;
/** Lines that are sent on one connection. */
const TOGETHER = 20;

/** What Redis makes of a line: the beginning of its name, or what is wrong with it; nothing when it is blank. */
async function asRedisReads(
  port: number,
  password: string,
  lines: readonly Buffer[],
): Promise<(string | undefined)[]> {
  const seen: (string | undefined)[] = [];
  while (seen.length < lines.length) {
    const from = seen.length;
    const batch = lines.slice(from, from + TOGETHER);
    const socket = connect({ port, host: "127.0.0.1" });
    const received = new Frames();
    const last = `end-${from + batch.length - 1}\r\n`;
    const over = new Promise<void>((resolve) => {
      socket.on("error", () => {});
      // It closes behind a line whose quotes are not balanced; the next connection begins behind that.
      socket.on("close", () => resolve());
      socket.on("data", (chunk: Buffer) => {
        received.feed(chunk);
        if (received.frames.at(-1)?.endsWith(last) === true) resolve();
      });
    });
    const marked = batch.map((line, index) => {
      return Buffer.concat([line, Buffer.from(`\nECHO end-${from + index}\n`)]);
    });
    socket.write(Buffer.concat([Buffer.from(`AUTH ${password}\n`), ...marked]));
    await over;
    socket.destroy();
    let reply: string | undefined;
    for (const frame of received.frames.slice(1)) {
      if (/^\$\d+\r\nend-\d+\r\n$/.test(frame)) {
        seen.push(reply);
        reply = undefined;
      } else reply = frame;
    }
    if (reply !== undefined) seen.push(reply);
  }
  return seen;
}

test(
  "an inline command is to the scanner what it is to Redis, whatever it is written with",
  async (t) => {
    const password = randomPassword();
    const { port } = await RedisProcess.start(t, { password });
    const random = seededRandom(FIRST_SEED);
    const lines = Array.from({ length: LINES }, () => {
      return Buffer.from(
        Array.from({ length: 1 + upTo(random, 7) }, () => pick(random, PARTS)).join(""),
        "latin1",
      );
    }).filter(([first]) => first !== STAR);
    const replies = await asRedisReads(port, password, lines);
    const kinds = { blank: 0, unbalanced: 0, named: 0 };
    for (const [index, line] of lines.entries()) {
      const reply = replies[index];
      const whole = Buffer.concat([line, Buffer.from("\n")]);
      const what = `${JSON.stringify(line.toString("latin1"))} is ${JSON.stringify(reply)}`;
      const isArray = line[0] === 42;
      if (isArray) continue;
      const scanner = new CommandScanner();
      const end = scanner.scan(whole);
      expect([end, scanner.atBoundary], what).toEqual([whole.length, true]);
      if (reply === undefined) {
        kinds.blank += 1;
        expect(scanner.commands, what).toBe(0);
      } else if (reply.startsWith("-ERR Protocol error: unbalanced quotes")) {
        kinds.unbalanced += 1;
        expect(() => parseCommand(whole), what).toThrow("Unbalanced quotes");
      } else {
        kinds.named += 1;
        const [name = Buffer.alloc(0), ...args] = parseCommand(whole);
        const shown = (text: Buffer): string => text.toString("latin1").replaceAll(/[\r\n]/g, " ");
        const listed = args.map((arg) => `'${shown(arg)}' `).join("");
        const expected = `-ERR unknown command '${shown(name)}', with args beginning with: ${listed}`;
        expect(reply.trimEnd().slice(0, LONGEST_SHOWN), what).toBe(
          expected.trimEnd().slice(0, LONGEST_SHOWN),
        );
        if (name.length <= 32) expect(scanner.name, what).toBe(name.toString("latin1").toUpperCase());
      }
    }
    record("inline commands as Redis reads them", { seed: FIRST_SEED, lines: lines.length, ...kinds });
    expect(Math.min(...Object.values(kinds))).toBeGreaterThan(100);
  },
  LONG ? 600_000 : 60_000,
);
