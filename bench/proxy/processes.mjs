import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/** Linux counts processor time in these, 100 in a second (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

/** They end with this process, however it ends. @type {Set<ChildProcess>} */
const running = new Set();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** A port that nobody listens on. */
export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}

/**
 * Starts a program and resolves when it listens.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {number} port
 * @param {Record<string, string | undefined>} [env]
 * @returns {Promise<ChildProcess & { pid: number }>}
 */
export async function startListener(program, args, port, env = {}) {
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, ...env },
  });
  let said = "";
  child.stderr.on("data", (/** @type {Buffer} */ text) => {
    said = (said + text.toString()).slice(-2_000);
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  for (;;) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(`${program} has ended: ${said}`);
    if (await isListening(port)) return /** @type {ChildProcess & { pid: number }} */ (child);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** @param {number} port */
async function isListening(port) {
  const socket = connect({ host: "127.0.0.1", port });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** @param {ChildProcess} child */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/**
 * Processor time of a process and its children so far, in seconds.
 *
 * @param {number} pid
 */
export function processorSeconds(pid) {
  let ticks = 0;
  for (const one of family(pid)) {
    const [user, system] = statOf(one).slice(11, 13);
    ticks += Number(user) + Number(system);
  }
  return ticks / TICKS_PER_SECOND;
}

/**
 * Resident memory of a process and its children, in bytes.
 *
 * @param {number} pid
 */
export function residentBytes(pid) {
  let kilobytes = 0;
  for (const one of family(pid)) {
    const status = readFileSync(`/proc/${one}/status`, "utf8");
    kilobytes += Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

/**
 * Fields of `/proc/PID/stat` behind the name, which may hold anything: the state is the first.
 *
 * @param {number} pid
 */
function statOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/**
 * A process, its children and theirs.
 *
 * @param {number} pid
 * @returns {number[]}
 */
function family(pid) {
  const parents = new Map();
  for (const entry of readdirSync("/proc")) {
    const one = Number(entry);
    if (!Number.isInteger(one)) continue;
    try {
      parents.set(one, Number(statOf(one)[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const members = [pid];
  for (let index = 0; index < members.length; index += 1) {
    for (const [one, parent] of parents) if (parent === members[index]) members.push(one);
  }
  return members;
}
