import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { debian, privateApt } from "../lib/private-apt.mjs";
import { run } from "../lib/run.mjs";

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/redis-source/", import.meta.url));

/**
 * The folder with the source of the Redis that this release of Debian has; fetched when it is not there yet.
 *
 * @returns {string}
 */
export function redisSource() {
  const { release } = debian();
  const folder = join(CACHE, release);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, ".fetch-"));
  try {
    const apt = privateApt(work, "deb-src", release);
    apt(["update"]);
    apt(["source", "--download-only", "redis"]);
    const archive = readdirSync(work).find((name) => /\.orig\.tar\.\w+$/.test(name));
    if (archive === undefined) throw new Error("apt-get has brought no source of Redis.");
    const unpacked = join(work, "unpacked");
    mkdirSync(unpacked);
    run("tar", ["-xf", join(work, archive), "-C", unpacked, "--strip-components=1"]);
    renameSync(unpacked, folder);
    return folder;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
