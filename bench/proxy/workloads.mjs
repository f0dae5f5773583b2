import { execFile } from "node:child_process";
import { connect } from "node:net";
import { promisify } from "node:util";
import { processorSeconds, residentBytes } from "./processes.mjs";

/** @typedef {import("./targets.mjs").Target} Target */
/**
 * @typedef {{ perSecond: number, p50Ms: number, cpuMicros: number }} Figures `cpuMicros`: the relay's, for each command.
 */

const run = promisify(execFile);

/** redis-benchmark's key when it is not told to make others. */
const KEY = "key:__rand_int__";

/**
 * One run of redis-benchmark.
 *
 * @param {Target} target
 * @param {{ test: "get" | "set", requests: number, clients: number, pipeline?: number, bytes?: number }} load
 * @returns {Promise<Figures>}
 */
export async function throughput(target, { test, requests, clients, pipeline = 1, bytes = 100 }) {
  const args = [
    "-t",
    test,
    "-n",
    String(requests),
    "-c",
    String(clients),
    "-P",
    String(pipeline),
    "-d",
    String(bytes),
  ];
  const before = target.pid === undefined ? 0 : processorSeconds(target.pid);
  const figures = await redisBenchmark(target, args);
  const used = target.pid === undefined ? 0 : processorSeconds(target.pid) - before;
  return { ...figures, cpuMicros: (used / requests) * 1e6 };
}

/**
 * The throughput of connections that are open already: the difference of a long and a short run, of which both open
 * them. redis-benchmark makes its own handshakes before its clock starts; those of a relay fall inside.
 *
 * @param {Target} target
 * @param {{ clients: number, requests: number }} load
 * @returns {Promise<Figures>}
 */
export async function steadyThroughput(target, { clients, requests }) {
  const timed = async (/** @type {number} */ count) => {
    const { perSecond, p50Ms, cpuMicros } = await throughput(target, {
      test: "get",
      requests: count,
      clients,
    });
    return { seconds: count / perSecond, cpuSeconds: (cpuMicros * count) / 1e6, p50Ms };
  };
  const short = await timed(requests);
  const long = await timed(5 * requests);
  return {
    perSecond: (4 * requests) / (long.seconds - short.seconds),
    p50Ms: long.p50Ms,
    cpuMicros: ((long.cpuSeconds - short.cpuSeconds) / (4 * requests)) * 1e6,
  };
}

/**
 * A connection for each request, as programs open them that live for one request only.
 *
 * @param {Target} target
 * @param {{ clients: number, requests: number }} load
 * @returns {Promise<Figures>}
 */
export async function reconnecting(target, { clients, requests }) {
  const before = target.pid === undefined ? 0 : processorSeconds(target.pid);
  const figures = await redisBenchmark(target, [
    "-k",
    "0",
    "-c",
    String(clients),
    "-n",
    String(requests),
    "GET",
    KEY,
  ]);
  const used = target.pid === undefined ? 0 : processorSeconds(target.pid) - before;
  return { ...figures, cpuMicros: (used / requests) * 1e6 };
}

/**
 * What each connection costs a relay that nobody uses at the moment, in bytes: each has had one PING answered, and all of
 * them stay open. Measured with the first connections of its process, which pay for what it needs once, such as compiled
 * code; and again with as many further ones.
 *
 * @param {Target} target a process that has had no connection yet
 * @param {number} count
 * @returns {Promise<{ first: number, further: number }>}
 */
export async function bytesPerIdleConnection({ port, pid }, count) {
  if (pid === undefined) return { first: Number.NaN, further: Number.NaN };
  const sockets = [];
  const sizes = [residentBytes(pid)];
  for (let turn = 0; turn < 2; turn += 1) {
    sockets.push(...(await openConnections(port, count)));
    sizes.push(residentBytes(pid));
  }
  for (const socket of sockets) socket.destroy();
  const [empty = 0, half = 0, full = 0] = sizes;
  return { first: (half - empty) / count, further: (full - half) / count };
}

/**
 * Some at a time, as after a restart of the programs that use them.
 *
 * @param {number} port
 * @param {number} count
 */
async function openConnections(port, count) {
  const sockets = [];
  for (let opened = 0; opened < count; opened += 50) {
    const batch = Array.from({ length: Math.min(50, count - opened) }, () => ponged(port));
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}

/**
 * @param {number} port
 * @returns {Promise<import("node:net").Socket>}
 */
function ponged(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", reject);
    socket.once("data", () => resolve(socket));
    socket.write("*1\r\n$4\r\nPING\r\n");
  });
}

/**
 * @param {Target} target
 * @param {readonly string[]} args
 */
async function redisBenchmark({ port, args: where }, args) {
  const { stdout, stderr } = await run("redis-benchmark", [...where, "-p", String(port), "--csv", ...args]);
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms",...
  const [, perSecond, , , p50Ms] =
    stdout
      .trim()
      .split("\n")
      .at(-1)
      ?.split(",")
      .map((cell) => Number(cell.replaceAll('"', ""))) ?? [];
  if (perSecond === undefined || p50Ms === undefined || !(perSecond > 0)) {
    throw new Error(`redis-benchmark has measured nothing: ${stdout}${stderr}`);
  }
  return { perSecond, p50Ms };
}
