import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** ACL channel rules (`&…`), which the access policies use, came with Redis 6.2. */
export const OLDEST_VERSION: ServerVersion = [6, 2];

/** Names of nodes (`cluster-announce-hostname`) and a bus port of one's choice (`cluster-port`) came with 7.0. */
export const OLDEST_CLUSTER_VERSION: ServerVersion = [7, 0];

/** Major and minor. */
export type ServerVersion = readonly [number, number];

const NAMES = ["redis-server", "valkey-server"];

/**
 * Returns the path of a redis-server or valkey-server that is new enough: `REDIS_SERVER_BIN`, else the first on
 * `PATH`.
 *
 * @throws {Error} naming what to install or to set when there is none.
 */
export async function findRedisServer(
  env: NodeJS.ProcessEnv,
  oldest: ServerVersion = OLDEST_VERSION,
): Promise<string> {
  const chosen = env["REDIS_SERVER_BIN"];
  if (chosen !== undefined && chosen !== "") {
    await checkRedisServer(chosen, "REDIS_SERVER_BIN", oldest);
    return chosen;
  }
  const refusals: string[] = [];
  for (const folder of (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "")) {
    for (const path of NAMES.map((name) => join(folder, name))) {
      if (!(await isExecutable(path))) continue;
      try {
        await checkRedisServer(path, "PATH", oldest);
        return path;
      } catch (error) {
        refusals.push((error as Error).message);
      }
    }
  }
  throw new Error(
    refusals[0] ?? `No redis-server and no valkey-server was found on PATH. ${howToInstall(oldest)}`,
  );
}

/**
 * Checks that the file at `path` is a server that the emulator can use.
 *
 * @param origin where the path comes from, for the message
 * @throws {Error} when it cannot be run or is too old.
 */
export async function checkRedisServer(
  path: string,
  origin: string,
  oldest: ServerVersion = OLDEST_VERSION,
): Promise<void> {
  const remedy = howToInstall(oldest);
  let output: string;
  try {
    ({ stdout: output } = await promisify(execFile)(path, ["--version"]));
  } catch (cause) {
    throw new Error(`${path} (from ${origin}) cannot be run as a Redis server. ${remedy}`, { cause });
  }
  // "Redis server v=7.0.15 sha=…", "Valkey server v=8.1.1 sha=…"
  const version = /\bv=(\d+)\.(\d+)/.exec(output);
  if (version === null) throw new Error(`${path} (from ${origin}) is no Redis server. ${remedy}`);
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    throw new Error(`${path} (from ${origin}) has version ${major}.${minor}, which is too old. ${remedy}`);
  }
}

function howToInstall([major, minor]: ServerVersion): string {
  return (
    `Install Redis ${major}.${minor} or later or any Valkey (\`apt install redis-server\`, \`brew install redis\`, ` +
    "`brew install valkey`), or set REDIS_SERVER_BIN to the path of a redis-server or valkey-server."
  );
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
