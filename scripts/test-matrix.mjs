#!/usr/bin/env node
// Runs the whole test suite on every supported line of Node.js with the default server, and on newer servers
// with this Node.js. The packages must be built. The first argument picks rows by part of their name, the rest
// go to vitest:
//
//   npm run test:matrix -- valkey packages/azure-redis-emulator

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fetchServers } from "./fetch-servers.mjs";
import { UnsupportedSystemError } from "./lib/private-apt.mjs";
import { findRedisServer } from "./lib/redis-server.mjs";
import { fail, run } from "./lib/run.mjs";

/** The oldest Node.js that `engines` allows, and the newest of each line since. From the npm package `node`. */
const NODE_VERSIONS = ["20.19.0", "22.23.3", "24.21.0"];

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NODE_CACHE = join(ROOT, "node_modules/.cache/node");
const VITEST = join(ROOT, "node_modules/vitest/vitest.mjs");

/** @typedef {{ name: string, node: () => string, redisServerBin: string }} Row */
/** @typedef {{ name: string, passed: boolean, outcome: string, seconds: number }} Result */

const [only = "", ...vitestArgs] = process.argv.slice(2);

const chosen = rows().filter(({ name }) => name.includes(only));
if (chosen.length === 0) fail(`No row's name contains "${only}".`);
const results = chosen.map(runRow);
printTable(results);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;

/** @returns {Row[]} */
function rows() {
  const server = findRedisServer() ?? fail("No Redis was found: run `node scripts/ensure-redis.mjs`.");
  const onDefault = `${server.product.toLowerCase()} ${server.version}`;
  return [
    ...NODE_VERSIONS.map((version) => ({
      name: `node ${version}, ${onDefault}`,
      node: () => fetchNode(version),
      redisServerBin: server.path,
    })),
    ...newerServers().map(({ name, version, path }) => ({
      name: `node ${process.versions.node}, ${name} ${version}`,
      node: () => process.execPath,
      redisServerBin: path,
    })),
  ];
}

function newerServers() {
  try {
    return fetchServers();
  } catch (error) {
    if (!(error instanceof UnsupportedSystemError)) throw error;
    console.error(`Without newer servers: ${error.message}`);
    return [];
  }
}

/**
 * @param {string} version
 * @returns {string} path of the executable
 */
function fetchNode(version) {
  if (version === process.versions.node) return process.execPath;
  const prefix = join(NODE_CACHE, version);
  const binary = join(prefix, "node_modules/node/bin", process.platform === "win32" ? "node.exe" : "node");
  if (!existsSync(binary)) {
    mkdirSync(prefix, { recursive: true });
    run("npm", ["install", "--prefix", prefix, "--no-audit", "--no-fund", `node@${version}`], {
      shell: process.platform === "win32",
    });
  }
  return binary;
}

/**
 * @param {Row} row
 * @returns {Result}
 */
function runRow({ name, node, redisServerBin }) {
  const startedAt = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "test-matrix-"));
  const report = join(folder, "report.json");
  console.log(`\n── ${name}`);
  try {
    const executable = node();
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const { status } = spawnSync(executable, [VITEST, "run", ...reporters, ...vitestArgs], {
      cwd: ROOT,
      stdio: "inherit",
      env: {
        ...process.env,
        REDIS_SERVER_BIN: redisServerBin,
        PATH: `${dirname(executable)}${delimiter}${process.env["PATH"]}`,
      },
    });
    return { name, passed: status === 0, outcome: summarise(report), seconds: secondsSince(startedAt) };
  } catch (error) {
    const outcome = error instanceof Error ? error.message : String(error);
    return { name, passed: false, outcome, seconds: secondsSince(startedAt) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} report */
function summarise(report) {
  if (!existsSync(report)) return "no report";
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, "utf8"));
  return `${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`;
}

/** @param {number} startedAt */
function secondsSince(startedAt) {
  return Math.round((performance.now() - startedAt) / 1000);
}

/** @param {readonly Result[]} results */
function printTable(results) {
  const width = Math.max(...results.map(({ name }) => name.length));
  console.log("");
  for (const { name, passed, outcome, seconds } of results) {
    console.log(
      `${passed ? "pass" : "FAIL"}  ${name.padEnd(width)}  ${`${seconds} s`.padStart(6)}  ${outcome}`,
    );
  }
}
