import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Runs a script of this folder in a fresh process.
 *
 * @param {string} script
 * @param {{ args?: readonly string[], env?: Record<string, string> }} [options]
 * @returns {Promise<{ output: string, firstOutputMs: number }>} what it printed, and how long after its spawn it did
 */
export function runFresh(script, { args = [], env = {} } = {}) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return new Promise((resolve, reject) => {
    const spawnedAt = process.hrtime.bigint();
    const child = spawn(process.execPath, [path, ...args], {
      env: { ...process.env, NODE_OPTIONS: "", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    let firstOutputMs = Number.NaN;
    child.stdout.on("data", (/** @type {Buffer} */ chunk) => {
      if (output === "") firstOutputMs = Number(process.hrtime.bigint() - spawnedAt) / 1e6;
      output += chunk.toString();
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve({ output, firstOutputMs });
      else reject(new Error(`${script} ended with exit code ${code}.`));
    });
  });
}
