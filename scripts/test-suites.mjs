#!/usr/bin/env node
// Runs Redis's own test suite twice, against a server and through the proxy in front of such a server while all
// connections log in again every second, and compares the outcome of each test. The suite is that of Debian's Redis,
// fetched with apt-get; it needs Tcl. The packages must be built. About 20 minutes.
//
//   npm run test:suites                         all of it
//   npm run test:suites -- unit/type unit/multi parts whose name contains one of these
//   npm run test:suites -- --pool 4             through shared connections

import { parseArgs } from "node:util";
import { canUseApt, installWithApt } from "./lib/apt.mjs";
import { fail, tryRun } from "./lib/run.mjs";
import { differences } from "./suites/differences.mjs";
import { redisSource } from "./suites/redis-source.mjs";
import { redisSettings, redisUnits, runRedisUnit } from "./suites/redis-suite.mjs";
import { directWorld, proxiedWorld } from "./suites/worlds.mjs";

/** @typedef {import("./suites/differences.mjs").Difference} Difference */
/** @typedef {import("./suites/redis-suite.mjs").TestResult} TestResult */
/** @typedef {import("./suites/worlds.mjs").World} World */

/** A test that depends on time may fail once on a slow machine: a difference counts if it comes each time. */
const TRIES = 3;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { pool: { type: "string" } },
});
const pool = flags.pool === undefined ? undefined : Number(flags.pool);
if (pool !== undefined && !(Number.isInteger(pool) && pool > 0))
  fail("`--pool` takes a whole number from 1.");

if (tryRun("tclsh", ["/dev/null"]) === undefined) {
  if (!canUseApt()) fail("The suite needs Tcl: install it with your package manager.");
  installWithApt(["tcl"]);
}
const source = redisSource();
const units = redisUnits(source).filter(
  (unit) => positionals.length === 0 || positionals.some((part) => unit.includes(part)),
);
if (units.length === 0) fail("No part of the suite is called so.");

const total = { direct: 0, proxied: 0, logins: 0, cuts: 0 };
/** @type {Difference[]} */
const found = [];
for (const unit of units) {
  const { direct, proxied, logins, differing } = await compare(unit);
  total.direct += passed(direct);
  total.proxied += passed(proxied);
  total.logins += logins;
  found.push(...differing);
  if (passed(direct) + failed(direct) > 0) {
    console.log(`${unit}: ${summary(direct)} directly, ${summary(proxied)} through the proxy`);
  }
  for (const { test, reason, ...outcome } of differing) {
    console.log(`  ${outcome.direct} → ${outcome.proxied}  ${test}\n      ${reason ?? "NOT EXPLAINED"}`);
  }
}
const unexplained = found.filter(({ reason }) => reason === undefined);
console.log(
  `${total.direct} tests passed directly, ${total.proxied} through the proxy with ${total.logins} logins, ` +
    `${total.cuts} connections were cut off at the end of a token; ${found.length - unexplained.length} differences are known, ${unexplained.length} are not`,
);
process.exit(unexplained.length === 0 && total.cuts === 0 ? 0 : 1);

/** @param {string} unit */
async function compare(unit) {
  /** @type {Difference[] | undefined} */
  let differing;
  for (let tries = 1; ; tries += 1) {
    const direct = await runIn(unit, await directWorld(redisSettings(source)));
    const options = pool === undefined ? {} : { pool };
    const proxied = await runIn(unit, await proxiedWorld(redisSettings(source), options));
    const now = differences(unit, direct.results, proxied.results);
    total.cuts += proxied.cuts;
    differing = differing === undefined ? now : differing.filter(({ test }) => isAmong(now, test));
    if (tries === TRIES || differing.every(({ reason }) => reason !== undefined)) {
      return { direct: direct.results, proxied: proxied.results, logins: proxied.logins, differing };
    }
  }
}

/**
 * @param {string} unit
 * @param {World} world
 */
async function runIn(unit, world) {
  try {
    const results = await runRedisUnit(source, world, unit);
    return { results, logins: world.logins(), cuts: world.cuts() };
  } finally {
    await world.close();
  }
}

/**
 * @param {readonly Difference[]} some
 * @param {string} test
 */
function isAmong(some, test) {
  return some.some((difference) => difference.test === test);
}

/** @param {readonly TestResult[]} results */
function passed(results) {
  return results.filter(({ outcome }) => outcome === "ok").length;
}

/** @param {readonly TestResult[]} results */
function failed(results) {
  return results.filter(({ outcome }) => !["ok", "skip", "ignore"].includes(outcome)).length;
}

/** @param {readonly TestResult[]} results */
function summary(results) {
  return `${passed(results)} passed and ${failed(results)} failed`;
}
