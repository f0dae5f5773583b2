import { PassThrough } from "node:stream";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../../src/cli/commands.js";
import { crashLine } from "../../src/cli/crash.js";
import { Output } from "../../src/cli/output.js";
import { parseCommandLine } from "../../src/cli/parse.js";
import { Stop } from "../../src/cli/stop.js";
import { run } from "../../src/cli/token.js";

/** Streams as a process has them, on a terminal or not, and what was written to them. */
function streams(isTTY: boolean, env: Record<string, string> = {}) {
  const stdout = Object.assign(new PassThrough(), { isTTY, columns: 40 });
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 40 });
  const output = new Output(stdout, stderr, env);
  const written = () => [stdout, stderr].map((stream) => String(stream.read() ?? ""));
  return { output, written };
}

describe("colours", () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [true, { TERM: "dumb" }, false],
    [false, { FORCE_COLOR: "1" }, true],
    [false, { FORCE_COLOR: "" }, true],
    [true, { FORCE_COLOR: "0" }, false],
    [false, { FORCE_COLOR: "3", NO_COLOR: "1" }, true],
  ] as const)("on a terminal (%s) with %j: %s", (isTTY, env, colours) => {
    const { output } = streams(isTTY, env);
    expect([output.resultStyle.colours, output.logStyle.colours]).toEqual([colours, colours]);
  });
});

describe("progress", () => {
  test("is one line on a terminal, as long as it is wide, that the next output replaces", () => {
    const { output, written } = streams(true);
    output.status("x".repeat(100));
    output.progress("second");
    output.result("done");
    expect(written()).toEqual(["done\n", `${"x".repeat(39)}\r\u001B[Ksecond\r\u001B[K`]);
  });

  test("in a log, a status is not there and progress is lines", () => {
    const { output, written } = streams(false);
    output.status("first");
    output.progress("second");
    expect(written()).toEqual(["", "second\n"]);
  });
});

test("tokens, secrets and what JSON and addresses make of them are taken out of whatever is written", () => {
  const { output, written } = streams(false);
  output.hide(['quo"ted~secret', "sla/shed+secret"]);
  const text =
    'quo"ted~secret sla/shed+secret sla%2Fshed%2Bsecret quo\\"ted~secret eyJhbGciOiJub25lIn0.eyJvaWQiOiIxIn0.x';
  output.result(text);
  output.log(text);
  const clean = `${"[secret removed] ".repeat(4)}[token removed]\n`;
  expect(written()).toEqual([clean, clean]);
});

test("a secret anywhere in a long crash is taken out as a whole", () => {
  const secret = "9i8Q~a-secret-of-some-length";
  const { output, written } = streams(false);
  output.hide([secret]);
  for (let before = 560; before < 620; before += 1) {
    output.log(crashLine(new Error(`${"x".repeat(before)}${secret}${"y".repeat(50)}`)));
    const [, stderr] = written();
    expect(stderr).toContain("x[secret removed]y");
    expect(stderr).not.toContain(secret.slice(0, 4));
  }
  output.log(crashLine(secret));
  expect(written()).toEqual(["", "crashed: [secret removed]\n"]);
});

describe("token --raw", () => {
  let azure: Emulator;
  beforeAll(async () => {
    azure = await startEmulator();
  });
  afterAll(() => azure.close());

  test.each([
    [true, /^This is the token itself/],
    [false, /^$/],
  ])("on a terminal (%s) says %s", async (isTTY, warning) => {
    const { output, written } = streams(isTTY);
    const command = COMMANDS.find(({ name }) => name === "token")!;
    const { settings } = parseCommandLine(command, ["--raw"], {});
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost };
    expect(await run({ settings, env, output, stop: new Stop() })).toBe(0);
    const [stdout, stderr] = written();
    expect(stdout).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(stderr).toMatch(warning);
  });
});
