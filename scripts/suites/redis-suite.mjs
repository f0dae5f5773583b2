import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../bench/proxy/processes.mjs";
import { tryRun } from "../lib/run.mjs";

/** @typedef {import("./worlds.mjs").World} World */
/** @typedef {{ outcome: string, name: string, details: string }} TestResult */

/** A test that says nothing for so long hangs. */
const SILENCE_SECONDS = 180;

/** Output is coloured. */
const COLOUR = new RegExp(`${String.fromCharCode(27)}?\\[[\\d;]*m`, "g");
const RESULT = /^\[(ok|err|skip|ignore|exception|TIMEOUT)\]: (.*)$/;

/**
 * Arguments of redis-server for a server as the suite starts one itself.
 *
 * @param {string} source
 */
export function redisSettings(source) {
  return [join(source, "tests/assets/default.conf")];
}

/**
 * Names of the parts of Redis's own suite.
 *
 * @param {string} source
 */
export function redisUnits(source) {
  const text = readFileSync(join(source, "tests/test_helper.tcl"), "utf8");
  const list = /set ::all_tests \{([^}]*)\}/.exec(text)?.[1] ?? "";
  return list.split(/\s+/).filter((unit) => unit !== "" && existsSync(join(source, `tests/${unit}.tcl`)));
}

/**
 * Runs one part of the suite against a server that it has not started; without replication, which needs SYNC.
 *
 * @param {string} source
 * @param {World} world
 * @param {string} unit
 * @returns {Promise<TestResult[]>}
 */
export async function runRedisUnit(source, world, unit) {
  linkPrograms(source);
  const how = ["--durable", "--timeout", String(SILENCE_SECONDS), "--tags", "-needs:repl"];
  // The suite's own processes talk at a port near the last one: of their own, so that two runs do not meet.
  const where = ["--host", "127.0.0.1", "--port", String(world.port), "--baseport", String(await freePort())];
  const child = spawn("tclsh", ["tests/test_helper.tcl", ...where, ...how, "--single", unit], {
    cwd: source,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
      output += text;
    });
  }
  await once(child, "close");
  const results = parse(output);
  const isWhole = output.includes("The End") || results.some(({ outcome }) => outcome === "exception");
  if (!isWhole) throw new Error(`${unit} did not run to its end: ${output.slice(-500)}`);
  return results;
}

/**
 * @param {string} output
 * @returns {TestResult[]}
 */
function parse(output) {
  /** @type {TestResult[]} */
  const results = [];
  for (const line of output.replaceAll(COLOUR, "").split("\n")) {
    // Everything is told once more below this.
    if (line.includes("The End")) break;
    const [, outcome, rest] = RESULT.exec(line) ?? [];
    const last = results.at(-1);
    if (outcome !== undefined && rest !== undefined) {
      const name = rest.replace(/ \(\d+ ms\)$/, "").replace(/ in tests\/\S+\.tcl$/, "");
      results.push({ outcome, name, details: "" });
    } else if (last !== undefined && last.outcome !== "ok") last.details += `${line}\n`;
  }
  return results;
}

/**
 * Some tests start programs, which they expect where Redis builds them.
 *
 * @param {string} source
 */
function linkPrograms(source) {
  mkdirSync(join(source, "src"), { recursive: true });
  for (const name of ["redis-server", "redis-cli", "redis-benchmark"]) {
    const path = join(source, "src", name);
    const installed = tryRun("sh", ["-c", `command -v ${name}`]);
    if (!existsSync(path) && installed) symlinkSync(installed, path);
  }
}
