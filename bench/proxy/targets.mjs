import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, startListener, stop } from "./processes.mjs";

/** @typedef {import("./server.mjs").BenchServer} BenchServer */
/**
 * One way to the server.
 *
 * @typedef {"direct" | "stunnel" | "haproxy" | "proxy" | "workers" | "pool"} TargetName
 * @typedef {{
 *   name: TargetName,
 *   port: number,
 *   args: readonly string[],
 *   pid: number | undefined,
 *   close: () => Promise<void>,
 * }} Target `args` are those of redis-benchmark, `pid` is the relay's.
 */

const CLI = fileURLToPath(new URL("../../packages/redis-passwordless/dist/bundle/cli.js", import.meta.url));

/** Connections that the clients of `--pool` share. */
const POOL = 8;

/** What the peers are called, and which package of Debian's has them. */
const PEERS = { haproxy: "haproxy", stunnel: "stunnel4" };

/**
 * Starts those that can be had: a peer that is not there is installed where apt-get needs no password.
 *
 * @param {BenchServer} server
 * @param {readonly TargetName[]} names
 * @returns {Promise<Target[]>}
 */
export async function startTargets(server, names) {
  /** @type {Target[]} */
  const targets = [];
  for (const name of names) {
    if (name === "direct") targets.push(direct(server));
    else if (name === "haproxy" || name === "stunnel") {
      if (isInstalled(name)) targets.push(await (name === "haproxy" ? haproxy(server) : stunnel(server)));
      else console.error(`${name} is not here and could not be installed: its column is missing.`);
    } else targets.push(await proxy(server, name));
  }
  return targets;
}

/** `haproxy 2.6.12-1+deb12u4, stunnel4 3:5.68-2+deb12u1`, as far as the packages are there. */
export function peerVersions() {
  return Object.values(PEERS)
    .map((name) => {
      try {
        const format = "-f=${Package} ${Version}";
        return execFileSync("dpkg-query", ["-W", format, name], { encoding: "utf8", stdio: "pipe" });
      } catch {
        return `${name} of unknown version`;
      }
    })
    .join(", ");
}

/** @param {keyof typeof PEERS} name */
function isInstalled(name) {
  const find = () => {
    try {
      execFileSync("sh", ["-c", `command -v ${PEERS[name]}`], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };
  if (find()) return true;
  const apt = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"];
  const isRoot = process.getuid?.() === 0;
  const [program, rest] = isRoot ? ["env", apt] : ["sudo", ["-n", "env", ...apt]];
  console.error(`Installing ${PEERS[name]} ...`);
  for (const what of [["update"], ["install", "-y", "--no-install-recommends", PEERS[name]]]) {
    try {
      execFileSync(program, [...rest, ...what], { stdio: "ignore" });
    } catch {
      // Whether it mattered shows in whether it is there.
    }
  }
  return find();
}

/**
 * @param {BenchServer} server
 * @returns {Target}
 */
function direct({ tlsPort, caFile }) {
  const args = ["-h", "localhost", "--tls", "--cacert", caFile];
  return { name: "direct", port: tlsPort, args, pid: undefined, close: async () => {} };
}

/**
 * @param {TargetName} name
 * @param {number} port
 * @param {Awaited<ReturnType<typeof startListener>>} child
 * @returns {Target}
 */
function relay(name, port, child) {
  return { name, port, args: ["-h", "127.0.0.1"], pid: child.pid, close: () => stop(child) };
}

/** @param {BenchServer} server */
async function haproxy({ folder, tlsPort, caFile }) {
  const port = await freePort();
  const file = join(folder, "haproxy.cfg");
  const lines = [
    "global",
    "  nbthread 1",
    "  maxconn 8000",
    "defaults",
    "  mode tcp",
    "  timeout connect 10s",
    "  timeout client 1h",
    "  timeout server 1h",
    "listen redis",
    `  bind 127.0.0.1:${port}`,
    `  server redis 127.0.0.1:${tlsPort} ssl verify required ca-file ${caFile} sni str(localhost) verifyhost localhost`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return relay("haproxy", port, await startListener("haproxy", ["-db", "-f", file], port));
}

/** @param {BenchServer} server */
async function stunnel({ folder, tlsPort, caFile }) {
  const port = await freePort();
  const file = join(folder, "stunnel.conf");
  const lines = [
    "foreground = yes",
    "pid =",
    "socket = l:TCP_NODELAY=1",
    "socket = r:TCP_NODELAY=1",
    "[redis]",
    "client = yes",
    `accept = 127.0.0.1:${port}`,
    `connect = 127.0.0.1:${tlsPort}`,
    "verifyChain = yes",
    "checkHost = localhost",
    `CAfile = ${caFile}`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return relay("stunnel", port, await startListener("stunnel4", [file], port));
}

/**
 * @param {BenchServer} server
 * @param {"proxy" | "workers" | "pool"} name
 */
async function proxy({ tlsPort, caFile, env }, name) {
  const port = await freePort();
  const extra = { proxy: [], workers: ["--workers", "2"], pool: ["--pool", String(POOL)] }[name];
  const args = [CLI, "proxy", `localhost:${tlsPort}`, "--listen", `127.0.0.1:${port}`, "--ca", caFile];
  args.push("--identity", "managed-identity", "--log-level", "error", ...extra);
  return relay(name, port, await startListener(process.execPath, args, port, env));
}
