import { load } from "../lib/machine.mjs";
import { median, pairedRatios, spread } from "../lib/statistics.mjs";
import { startServer } from "./server.mjs";
import { peerVersions, startTargets } from "./targets.mjs";
import { bytesPerIdleConnection, reconnecting, steadyThroughput, throughput } from "./workloads.mjs";

/** @typedef {import("../lib/report.mjs").Report} Report */
/** @typedef {import("../lib/report.mjs").Goal} Goal */
/** @typedef {import("./targets.mjs").Target} Target */
/** @typedef {import("./targets.mjs").TargetName} TargetName */
/** @typedef {import("./workloads.mjs").Figures} Figures */
/** @typedef {Map<TargetName, { first: number, further: number }[]>} IdleMemory */
/**
 * @typedef {{
 *   title: string,
 *   targets: readonly TargetName[],
 *   valueBytes: number,
 *   times: number,
 *   measure: (target: Target) => Promise<Figures>,
 * }} Row
 */

const LABELS = {
  direct: "direct, TLS",
  stunnel: "stunnel",
  haproxy: "haproxy, 1 thread",
  proxy: "this proxy",
  workers: "this proxy, 2 workers",
  pool: "this proxy, `--pool 8`",
};

/** @type {readonly TargetName[]} */
const RELAYS = ["direct", "stunnel", "haproxy", "proxy"];

/**
 * Requests of the clients with a single question, so that each relay works for some seconds.
 *
 * @type {Readonly<Partial<Record<TargetName, number>>>}
 */
const RECONNECTING = { stunnel: 800, proxy: 10_000 };

// Each measurement takes some seconds: longer than what else the machine does now and then.
/** @type {Readonly<Record<string, Row>>} */
const ROWS = {
  get: row("GET, 100 B, 50 connections", (target) =>
    throughput(target, { test: "get", requests: 150_000, clients: 50 }),
  ),
  set: row("SET, 100 B, 50 connections", (target) =>
    throughput(target, { test: "set", requests: 150_000, clients: 50 }),
  ),
  getPipelined: row("GET, 100 B, 50 connections, 16 commands at a time", (target) =>
    throughput(target, { test: "get", requests: 1_500_000, clients: 50, pipeline: 16 }),
  ),
  setPipelined: row("SET, 100 B, 50 connections, 16 commands at a time", (target) =>
    throughput(target, { test: "set", requests: 1_500_000, clients: 50, pipeline: 16 }),
  ),
  getLarge: row(
    "GET, 64 KB, 10 connections",
    (target) => throughput(target, { test: "get", requests: 20_000, clients: 10, bytes: 65_536 }),
    { valueBytes: 65_536 },
  ),
  // Direct, redis-benchmark itself stalls on delayed acknowledgements here.
  setLarge: row(
    "SET, 64 KB, 10 connections",
    (target) => throughput(target, { test: "set", requests: 20_000, clients: 10, bytes: 65_536 }),
    { valueBytes: 65_536, targets: ["stunnel", "haproxy", "proxy"] },
  ),
  // redis-benchmark counts in steps of 8 µs here, a twentieth: many short runs next to each other tell more than a long one.
  single: row(
    "GET, 100 B, one connection",
    (target) => throughput(target, { test: "get", requests: 10_000, clients: 1 }),
    { times: 5 },
  ),
  thousand: row(
    "GET, 100 B, 1,000 connections",
    (target) => steadyThroughput(target, { clients: 1_000, requests: 30_000 }),
    { targets: [...RELAYS, "workers", "pool"] },
  ),
  reconnect: row("A connection for each GET, one after the other", (target) =>
    reconnecting(target, { clients: 1, requests: RECONNECTING[target.name] ?? 2_000 }),
  ),
  reconnectTen: row("A connection for each GET, 10 at a time", (target) =>
    reconnecting(target, { clients: 10, requests: 2 * (RECONNECTING[target.name] ?? 2_000) }),
  ),
};

const IDLE_CONNECTIONS = 1_000;

/**
 * @param {string} title
 * @param {Row["measure"]} measure
 * @param {{ targets?: readonly TargetName[], valueBytes?: number, times?: number }} [how] times: in each repetition
 * @returns {Row}
 */
function row(title, measure, { targets = RELAYS, valueBytes = 100, times = 1 } = {}) {
  return { title, measure, targets, valueBytes, times };
}

/**
 * What the proxy costs, next to relays that add TLS and nothing else: they neither follow commands nor log in. The
 * same redis-server with TLS is behind all of them.
 *
 * @param {{ repetitions: number | undefined }} options
 * @returns {Promise<Report>}
 */
export async function proxy({ repetitions = 5 }) {
  const before = load();
  const server = await startServer();
  /** @type {Target[]} */
  let targets = [];
  try {
    targets = await startTargets(server, ["direct", "stunnel", "haproxy", "proxy", "workers", "pool"]);
    /** @type {Map<string, Map<TargetName, Figures[]>>} */
    const figures = new Map();
    for (const target of targets) await warmUp(target);
    for (let turn = 0; turn < repetitions; turn += 1) {
      for (const [name, one] of Object.entries(ROWS)) {
        server.cli("SET", "key:__rand_int__", "x".repeat(one.valueBytes));
        const ofRow = figures.get(name) ?? new Map();
        figures.set(name, ofRow);
        const measured = targets.filter((target) => one.targets.includes(target.name));
        for (let time = 0; time < one.times; time += 1) {
          for (const target of shuffled(measured)) {
            ofRow.set(target.name, [...(ofRow.get(target.name) ?? []), await one.measure(target)]);
          }
        }
      }
    }
    const idle = await idleMemory(server, repetitions);
    return report(before, server.version, repetitions, figures, idle);
  } finally {
    for (const target of targets) await target.close();
    await server.close();
  }
}

/** @param {Target} target */
async function warmUp(target) {
  await throughput(target, { test: "set", requests: 30_000, clients: 50 });
  await throughput(target, { test: "get", requests: 200_000, clients: 50, pipeline: 16 });
  await reconnecting(target, { clients: 10, requests: 8_000 });
}

/**
 * In fresh processes: what earlier connections have left behind would hide what new ones need.
 *
 * @param {import("./server.mjs").BenchServer} server
 * @param {number} repetitions
 * @returns {Promise<IdleMemory>}
 */
async function idleMemory(server, repetitions) {
  /** @type {IdleMemory} */
  const bytes = new Map();
  for (let turn = 0; turn < repetitions; turn += 1) {
    for (const target of await startTargets(server, ["stunnel", "haproxy", "proxy"])) {
      const one = await bytesPerIdleConnection(target, IDLE_CONNECTIONS);
      bytes.set(target.name, [...(bytes.get(target.name) ?? []), one]);
      await target.close();
    }
  }
  return bytes;
}

/**
 * @template T
 * @param {readonly T[]} all
 */
function shuffled(all) {
  return all
    .map((one) => /** @type {const} */ ([Math.random(), one]))
    .sort(([a], [b]) => a - b)
    .map(([, one]) => one);
}

/**
 * @param {string} before
 * @param {string} version
 * @param {number} repetitions
 * @param {Map<string, Map<TargetName, Figures[]>>} figures
 * @param {IdleMemory} idle
 * @returns {Report}
 */
function report(before, version, repetitions, figures, idle) {
  /** @type {(row: string, target: TargetName, unit: keyof Figures) => number[]} */
  const of = (name, target, unit) => (figures.get(name)?.get(target) ?? []).map((one) => one[unit]);
  return {
    title: "Proxy",
    method:
      `redis-benchmark against one redis-server ${version} with TLS 1.3 and a certificate of RSA 2048 bits, on loopback: ` +
      "directly, and through stunnel, haproxy (one thread) and this proxy as it is shipped, all of which verify the certificate. " +
      `The proxy logs in besides, and follows every command. ${repetitions} repetitions, in random order within each; median and quartiles; ratios are taken within one repetition. ` +
      "Client, relay and server share the cores. Processor time is the relay's own, for each command, in microseconds.",
    load: before,
    packages: [],
    tables: [
      ...Object.entries(ROWS).map(([name, { title, targets }]) => ({
        title,
        columns: ["", "per second", "against haproxy", "p50 in ms", "processor time"],
        rows: targets
          .filter((target) => of(name, target, "perSecond").length > 0)
          .map((target) => [
            LABELS[target],
            spread(of(name, target, "perSecond")),
            ratioText(of(name, target, "perSecond"), of(name, "haproxy", "perSecond")),
            median(of(name, target, "p50Ms")).toFixed(3),
            target === "direct" ? "" : median(of(name, target, "cpuMicros")).toFixed(1),
          ]),
      })),
      {
        title: `Memory for each of ${IDLE_CONNECTIONS.toLocaleString("en")} idle connections`,
        columns: ["", "kB, the first ones of a process", "kB, as many further ones"],
        rows: [...idle].map(([target, all]) => [
          LABELS[target],
          spread(kilobytes(all, "first"), 1),
          spread(kilobytes(all, "further"), 1),
        ]),
      },
    ],
    goals: goals(of, idle),
    notes: [`Peers: ${peerVersions()}.`],
  };
}

/**
 * @param {(row: string, target: TargetName, unit: keyof Figures) => number[]} of
 * @param {IdleMemory} idle
 * @returns {Goal[]}
 */
function goals(of, idle) {
  const rows = /** @type {const} */ ([
    ["get", "proxy", "haproxy", 0.8],
    ["set", "proxy", "haproxy", 0.8],
    ["get", "proxy", "stunnel", 1.4],
    ["set", "proxy", "stunnel", 1.4],
    ["getPipelined", "proxy", "haproxy", 0.8],
    ["setPipelined", "proxy", "haproxy", 0.8],
    ["getPipelined", "proxy", "stunnel", 1.15],
    ["setPipelined", "proxy", "stunnel", 1.15],
    ["getLarge", "proxy", "haproxy", 0.95],
    ["setLarge", "proxy", "haproxy", 0.95],
    ["thousand", "proxy", "stunnel", 1.05],
    ["thousand", "proxy", "haproxy", 0.48],
    ["thousand", "workers", "haproxy", 0.8],
    ["thousand", "pool", "haproxy", 1],
    ["reconnect", "proxy", "direct", 5],
    ["reconnect", "proxy", "haproxy", 4],
    ["reconnectTen", "proxy", "direct", 5],
    ["reconnectTen", "proxy", "haproxy", 4],
  ]);
  /** @type {(name: string, target: TargetName, peer: TargetName, unit: keyof Figures) => number} */
  const ratio = (name, target, peer, unit) =>
    median(pairedRatios(of(name, target, unit), of(name, peer, unit)));
  const [major = 0] = process.versions.node.split(".").map(Number);
  const all = [
    ...rows.map(([name, target, peer, atLeast]) => ({
      what: `${ROWS[name]?.title}: ${LABELS[target]} against ${LABELS[peer]}`,
      value: ratio(name, target, peer, "perSecond"),
      atLeast,
    })),
    {
      what: "p50 of one connection, against haproxy",
      value: ratio("single", "proxy", "haproxy", "p50Ms"),
      atMost: 1.2,
    },
    {
      what: "processor time for a GET of 50 connections, against haproxy",
      value: ratio("get", "proxy", "haproxy", "cpuMicros"),
      atMost: 1.55,
    },
    {
      what: "kB for an idle connection, the first ones of a process",
      value: median(kilobytes(idle.get("proxy") ?? [], "first")),
      atMost: major < 22 ? 60 : 95,
    },
  ];
  // Without a peer there is nothing to compare with.
  return all.filter(({ value }) => !Number.isNaN(value));
}

/**
 * @param {readonly number[]} values
 * @param {readonly number[]} others
 */
function ratioText(values, others) {
  return others.length === 0 ? "" : median(pairedRatios(values, others)).toFixed(2);
}

/**
 * @param {readonly { first: number, further: number }[]} all
 * @param {"first" | "further"} which
 */
function kilobytes(all, which) {
  return all.map((one) => one[which] / 1_000);
}
