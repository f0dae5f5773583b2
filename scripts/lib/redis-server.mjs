import { spawnSync } from "node:child_process";
import { tryRun } from "./run.mjs";

/** The oldest server that the tests and the demo accept. */
export const OLDEST_VERSION = "6.2";

const NAMES = ["redis-server", "valkey-server"];

/** @typedef {{ path: string, product: string, version: string }} RedisServer */

/**
 * The server that tests and demo use: `REDIS_SERVER_BIN` when it is set, else the first one on PATH that is new
 * enough.
 *
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {RedisServer | undefined}
 */
export function findRedisServer(env = process.env) {
  const chosen = env["REDIS_SERVER_BIN"];
  const candidates = chosen ? [chosen] : NAMES;
  return candidates.map(describe).find((server) => server && isNewEnough(server.version));
}

/**
 * @param {string} path
 * @returns {RedisServer | undefined}
 */
function describe(path) {
  const line = tryRun(path, ["--version"]) ?? "";
  const [, product, version] = /^(\w+).*? v=(\d+\.\d+\.\d+)/.exec(line) ?? [];
  return product && version ? { path, product, version } : undefined;
}

/** @param {string} version */
function isNewEnough(version) {
  return version.localeCompare(OLDEST_VERSION, "en", { numeric: true }) >= 0;
}

/**
 * Whether the server was built with TLS. Asked for a TLS port without a certificate, every build exits at once;
 * one without TLS does not know the option at all.
 *
 * @param {RedisServer} server
 */
export function supportsTls({ path }) {
  const { stdout, stderr } = spawnSync(path, ["--port", "0", "--tls-port", "6380", "--save", ""], {
    encoding: "utf8",
    timeout: 10_000,
  });
  return /failed to configure tls/i.test(`${stdout}${stderr}`);
}
