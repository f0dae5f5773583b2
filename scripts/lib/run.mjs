import { spawnSync } from "node:child_process";

/**
 * Runs a command to its end and returns what it printed, or throws with the end of its output.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnSyncOptions} [options]
 * @returns {string} standard output, trimmed
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { maxBuffer: 64 * 1024 * 1024, ...options, encoding: "utf8" });
  if (result.error) throw result.error;
  if (result.status === 0) return result.stdout?.trim() ?? "";
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim().split("\n").slice(-60).join("\n");
  throw new Error(`\`${command} ${args.join(" ")}\` ended with ${result.status ?? result.signal}: ${output}`);
}

/**
 * Like {@link run}, but a command that is missing or fails answers `undefined`.
 *
 * @param {string} command
 * @param {readonly string[]} args
 */
export function tryRun(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return result.error || result.status !== 0 ? undefined : result.stdout.trim();
}

/**
 * Ends the process with one sentence for the person at the terminal.
 *
 * @param {string} message
 * @returns {never}
 */
export function fail(message) {
  console.error(message);
  process.exit(1);
}
