import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** ACL channel rules (`&…`), which the access policies use, came with Redis 6.2. */
const OLDEST_VERSION = [6, 2] as const;

const NAMES = ["redis-server", "valkey-server"];

const INSTALL =
  "Install Redis 6.2 or later or any Valkey (`apt install redis-server`, `brew install redis`, " +
  "`brew install valkey`), or set REDIS_SERVER_BIN to the path of a redis-server or valkey-server.";

/**
 * Returns the path of a redis-server or valkey-server that is new enough: `REDIS_SERVER_BIN`, else the first on
 * `PATH`.
 *
 * @throws {Error} naming what to install or to set when there is none.
 */
export async function findRedisServer(env: NodeJS.ProcessEnv): Promise<string> {
  const chosen = env["REDIS_SERVER_BIN"];
  if (chosen !== undefined && chosen !== "") {
    await checkRedisServer(chosen, "REDIS_SERVER_BIN");
    return chosen;
  }
  const refusals: string[] = [];
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")) {
    for (const path of NAMES.map((name) => join(folder, name))) {
      if (!(await isExecutable(path))) continue;
      try {
        await checkRedisServer(path, "PATH");
        return path;
      } catch (error) {
        refusals.push((error as Error).message);
      }
    }
  }
  throw new Error(refusals[0] ?? `No redis-server and no valkey-server was found on PATH. ${INSTALL}`);
}

/**
 * Checks that the file at `path` is a server that the emulator can use.
 *
 * @param origin where the path comes from, for the message
 * @throws {Error} when it cannot be run or is too old.
 */
export async function checkRedisServer(path: string, origin: string): Promise<void> {
  let output: string;
  try {
    ({ stdout: output } = await promisify(execFile)(path, ["--version"]));
  } catch (cause) {
    throw new Error(`${path} (from ${origin}) cannot be run as a Redis server. ${INSTALL}`, { cause });
  }
  // "Redis server v=7.0.15 sha=…", "Valkey server v=8.1.1 sha=…"
  const version = /\bv=(\d+)\.(\d+)/.exec(output);
  if (version === null) throw new Error(`${path} (from ${origin}) is no Redis server. ${INSTALL}`);
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < OLDEST_VERSION[0] || (major === OLDEST_VERSION[0] && minor < OLDEST_VERSION[1])) {
    throw new Error(`${path} (from ${origin}) has version ${major}.${minor}, which is too old. ${INSTALL}`);
  }
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
