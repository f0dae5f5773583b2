import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const TUNING = new URL("../../dist/cli/v8.js", import.meta.url);

/** Prints how many bytes each socket leaves in V8's old generation, made as `net.Server` makes them (lib/net.js). */
const PROGRAM = `
  import { Socket } from "node:net";
  import { getHeapSpaceStatistics } from "node:v8";
  import { tuneV8 } from ${JSON.stringify(TUNING.href)};
  if (process.argv[1] === "tuned") tuneV8();
  const accept = () => new Socket({
    handle: undefined, allowHalfOpen: true, pauseOnCreate: false, readable: true, writable: true,
    readableHighWaterMark: 65536, writableHighWaterMark: 65536,
  });
  const used = () => getHeapSpaceStatistics()
    .filter(({ space_name }) => !space_name.startsWith("new"))
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
  for (let made = 0; made < 1_000; made += 1) accept();
  const before = used();
  for (let made = 0; made < 3_000; made += 1) accept();
  console.log((used() - before) / 3_000);
`;

async function run(program: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program, ...args]);
}

async function oldBytesOfSocket(how: "tuned" | "as it is"): Promise<number> {
  const { stdout } = await run(PROGRAM, how);
  return Number(stdout);
}

test("V8 knows each flag that it is given: it would complain on standard error", async () => {
  const unknown = await run(`process.getBuiltinModule("node:v8").setFlagsFromString("--no-such-flag")`);
  expect(unknown.stderr).toContain("--no-such-flag");
  const tuned = await run(`(await import(${JSON.stringify(TUNING.href)})).tuneV8()`);
  expect(tuned).toEqual({ stdout: "", stderr: "" });
});

test.runIf(Number.parseInt(process.versions.v8, 10) <= 11)(
  "each socket of a client leaves hidden classes behind, unless V8 is told",
  async () => {
    expect(await oldBytesOfSocket("as it is")).toBeGreaterThan(1_000);
    expect(await oldBytesOfSocket("tuned")).toBeLessThan(100);
  },
);
