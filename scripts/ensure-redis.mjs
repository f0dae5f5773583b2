#!/usr/bin/env node
// Makes sure that the tests and the demo find a Redis: silent when there is one, else it is installed with the
// system's package manager where that needs no password.
//
//   node scripts/ensure-redis.mjs --check-tls   says which server is found and whether it can do TLS

import { parseArgs } from "node:util";
import { canUseApt, installWithApt } from "./lib/apt.mjs";
import { findRedisServer, OLDEST_VERSION, supportsTls } from "./lib/redis-server.mjs";
import { fail, run, tryRun } from "./lib/run.mjs";

const { values: flags } = parseArgs({ options: { "check-tls": { type: "boolean", default: false } } });

const server = findRedisServer() ?? install();
if (flags["check-tls"]) {
  const tls = supportsTls(server);
  console.log(`${server.product} ${server.version} (${server.path}), ${tls ? "with" : "without"} TLS`);
  process.exitCode = tls ? 0 : 1;
}

function install() {
  const configured = process.env["REDIS_SERVER_BIN"];
  if (configured) {
    fail(
      `REDIS_SERVER_BIN is "${configured}", which is no Redis or Valkey server of ${OLDEST_VERSION} or newer.`,
    );
  }
  const installer = packageManager();
  if (!installer) fail(`No Redis was found: ${advice()}.`);
  console.error(`Installing ${installer.what} ...`);
  try {
    installer.install();
  } catch (error) {
    const reason = error instanceof Error ? error.message.replaceAll(/\s+/g, " ") : String(error);
    fail(`${installer.what} could not be installed (${reason}): ${advice()}.`);
  }
  return findRedisServer() ?? fail(`The Redis that the system offers is too old: ${advice()}.`);
}

/** @returns {{ what: string, install: () => void } | undefined} */
function packageManager() {
  if (tryRun("brew", ["--version"])) {
    return { what: "redis with brew", install: () => run("brew", ["install", "--quiet", "redis"]) };
  }
  if (!canUseApt()) return undefined;
  return { what: "redis-server with apt-get", install: () => installWithApt(["redis-server"]) };
}

function advice() {
  const how = {
    darwin: "install Homebrew and run `brew install redis`",
    win32: "work inside WSL, or install Memurai",
  }[/** @type {string} */ (process.platform)];
  const unix = "install redis-server or valkey-server with your package manager";
  return `${how ?? unix}, or set REDIS_SERVER_BIN to a Redis or Valkey server of ${OLDEST_VERSION} or newer`;
}
