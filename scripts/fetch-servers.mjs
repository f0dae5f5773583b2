#!/usr/bin/env node
// Unpacks newer Redis and Valkey servers than the system has, next to it instead of into it, for
// `npm run test:matrix`. They are Debian trixie's packages with the libraries they were built against, each
// started through its own loader. apt does the work in a private root: it takes this machine's mirror, checks
// the release's signature and every package's hash, and finds the libraries.
//
//   node scripts/fetch-servers.mjs             prints `name path` for each server, fetching what is missing
//   node scripts/fetch-servers.mjs --refresh   looks for newer packages
//   node scripts/fetch-servers.mjs --json

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { privateApt, UnsupportedSystemError } from "./lib/private-apt.mjs";
import { fail, run, tryRun } from "./lib/run.mjs";

const SUITE = "trixie";
const CACHE = fileURLToPath(new URL("../node_modules/.cache/redis-servers/", import.meta.url));
const MANIFEST = join(CACHE, "servers.json");

/** The tools package holds the server's binary and needs nothing but libraries; the server package names it. */
const SERVERS = [
  { name: "redis", packages: ["redis-server", "redis-tools"], binaries: ["redis-server", "redis-cli"] },
  { name: "valkey", packages: ["valkey-server", "valkey-tools"], binaries: ["valkey-server", "valkey-cli"] },
];

/** Debian's name of the architecture, to its library folder and loader. */
const ARCHITECTURES = new Map([
  ["amd64", { libraries: "usr/lib/x86_64-linux-gnu", loader: "ld-linux-x86-64.so.2" }],
  ["arm64", { libraries: "usr/lib/aarch64-linux-gnu", loader: "ld-linux-aarch64.so.1" }],
]);

/** @typedef {{ name: string, version: string, path: string }} Server */

/**
 * The newer servers, fetched when they are not there yet.
 *
 * @param {{ refresh?: boolean }} [options]
 * @returns {Server[]}
 */
export function fetchServers({ refresh = false } = {}) {
  const known = readManifest();
  const complete = known.length === SERVERS.length && known.every(({ path }) => existsSync(path));
  if (complete && !refresh) return known;

  const architecture = ARCHITECTURES.get(tryRun("dpkg", ["--print-architecture"]) ?? "");
  if (!architecture) throw new UnsupportedSystemError("they are fetched on Debian only, amd64 or arm64.");
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, ".fetch-"));
  try {
    const apt = privateApt(work, "deb", SUITE);
    apt(["update"]);
    const servers = SERVERS.map((server) => unpack(server, architecture, apt, work));
    writeFileSync(MANIFEST, `${JSON.stringify(servers, null, 2)}\n`);
    return servers;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** @returns {Server[]} */
function readManifest() {
  return existsSync(MANIFEST) ? JSON.parse(readFileSync(MANIFEST, "utf8")) : [];
}

/**
 * @param {(typeof SERVERS)[number]} server
 * @param {{ libraries: string, loader: string }} architecture
 * @param {ReturnType<typeof privateApt>} apt
 * @param {string} work
 * @returns {Server}
 */
function unpack({ name, packages, binaries }, { libraries, loader }, apt, work) {
  const [serverPackage, toolsPackage] = /** @type {[string, string]} */ (packages);
  const archives = join(work, "archives");
  apt(["clean"]);
  apt(["install", "--download-only", toolsPackage]);
  apt(["download", serverPackage], archives);

  const staging = join(work, name);
  const debs = readdirSync(archives).filter((file) => file.endsWith(".deb"));
  for (const deb of debs) run("dpkg-deb", ["-x", join(archives, deb), staging]);
  mkdirSync(join(staging, "bin"));
  for (const binary of binaries) {
    writeFileSync(join(staging, "bin", binary), wrapper(binary, libraries, loader));
    chmodSync(join(staging, "bin", binary), 0o755);
  }

  const [binary] = /** @type {[string]} */ (binaries);
  const version = /v=(\d+\.\d+\.\d+)/.exec(run(join(staging, "bin", binary), ["--version"]))?.[1];
  if (!version) throw new Error(`The fetched ${binary} does not tell its version.`);
  const root = join(CACHE, `${name}-${version}`);
  rmSync(root, { recursive: true, force: true });
  renameSync(staging, root);
  return { name, version, path: join(root, "bin", binary) };
}

/**
 * @param {string} binary
 * @param {string} libraries
 * @param {string} loader
 */
function wrapper(binary, libraries, loader) {
  return `#!/bin/sh
root=$(cd "$(dirname "$0")/.." && pwd)
exec "$root/${libraries}/${loader}" --library-path "$root/${libraries}" "$root/usr/bin/${binary}" "$@"
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { refresh: { type: "boolean" }, json: { type: "boolean" } } });
  try {
    const servers = fetchServers({ refresh: values.refresh ?? false });
    if (values.json) console.log(JSON.stringify(servers));
    else for (const { name, version, path } of servers) console.log(`${name}-${version} ${path}`);
  } catch (error) {
    fail(`Newer servers cannot be fetched: ${error instanceof Error ? error.message : String(error)}`);
  }
}
