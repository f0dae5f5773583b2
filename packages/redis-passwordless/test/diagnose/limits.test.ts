import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { record } from "../support/record.js";
import { type BlackHole, openBlackHole } from "./black-hole.js";
import { runDoctor } from "./doctor-process.js";
import { Machine, type Start } from "./machine.js";

/** What the doctor promises, from the start of its process, whatever answers or does not. */
const LIMIT_MS = 15_000;

let azure: Emulator;
let silent: Emulator;
let silentInside: Emulator;
let cluster: Emulator;
let blackHole: BlackHole;

beforeAll(async () => {
  [azure, silent, silentInside, cluster, blackHole] = await Promise.all([
    startEmulator(),
    startEmulator(),
    startEmulator(),
    startEmulator({ redis: { cluster: { announce: "ip" } } }),
    openBlackHole(),
  ]);
  const { servicePrincipal, systemIdentity } = azure;
  azure.injectFault("authority", { kind: "hang" }, { objectId: servicePrincipal.objectId });
  azure.injectFault("imds", { kind: "hang" }, { objectId: systemIdentity.objectId });
  silent.redis.injectConnectionFault({ kind: "silent" });
  silentInside.redis.injectConnectionFault({ kind: "silent", stage: "encrypted" });
  cluster.redis.injectConnectionFault({ kind: "silent" }, { node: 1 });
});

afterAll(async () => {
  blackHole[Symbol.dispose]();
  await Promise.all([azure, silent, silentInside, cluster].map((emulator) => emulator.close()));
});

const UNKNOWN = "contoso.westeurope.redis.azure.net";

const LIMITS: readonly {
  readonly name: string;
  readonly rules: readonly string[];
  readonly start: (machine: (of: Emulator) => Machine) => Start;
}[] = [
  {
    name: "a host behind a firewall that drops everything",
    rules: ["connection-timeout"],
    start: (machine) => ({
      args: [`localhost:${blackHole.port}`],
      env: machine(azure).env(azure.userIdentity),
    }),
  },
  {
    name: "name servers that never answer",
    rules: ["dns-unavailable"],
    start: (machine) => {
      const network = machine(azure).network({ hosts: { [UNKNOWN]: "HANG" } });
      return { args: [UNKNOWN], env: machine(azure).env(azure.userIdentity, network) };
    },
  },
  {
    name: "a token endpoint that never answers",
    rules: ["token-request-timeout-authority"],
    start: (machine) => machine(azure).start(azure.servicePrincipal),
  },
  {
    name: "a metadata service that never answers",
    rules: ["token-request-timeout-managed-identity"],
    start: (machine) => machine(azure).start(azure.systemIdentity),
  },
  {
    name: "a server that accepts the connection and says nothing",
    rules: ["tls-handshake-timeout"],
    start: (machine) => machine(silent).start(silent.systemIdentity),
  },
  {
    name: "a server that says nothing behind TLS",
    rules: ["server-silent"],
    start: (machine) => machine(silentInside).start(silentInside.systemIdentity),
  },
  {
    name: "a node of a cluster that says nothing",
    rules: ["node-port-blocked"],
    start: (machine) => machine(cluster).start(cluster.systemIdentity),
  },
];

describe.concurrent("the process ends by itself, with the cause", () => {
  test.each(LIMITS)("$name", { timeout: 60_000 }, async ({ name, rules, start }) => {
    const machines = new Map<Emulator, Machine>();
    const machine = (of: Emulator): Machine => {
      const known = machines.get(of) ?? new Machine(of);
      machines.set(of, known);
      return known;
    };
    const { report, stderr, exitCode, durationMs } = await runDoctor(start(machine));
    for (const used of machines.values()) await used[Symbol.asyncDispose]();
    record("doctor at what never answers", { name, durationMs: Math.round(durationMs) });
    expect(report, stderr).toBeDefined();
    expect(rules).toContain(report?.findings[0]?.rule);
    expect(exitCode).toBe(1);
    // Its own promise: here, and only here, time is what is tested.
    expect(durationMs).toBeLessThan(LIMIT_MS);
  });
});

test("how long a healthy examination takes is recorded", { timeout: 60_000 }, async () => {
  await using machine = new Machine(azure);
  const durations: number[] = [];
  for (let run = 0; run < 5; run++) {
    const { report, durationMs } = await runDoctor(machine.start(azure.userIdentity));
    expect(report?.findings).toEqual([]);
    durations.push(durationMs);
    // Once is enough to see that it works; figures want more.
    if (process.env["RECORD"] === undefined) break;
  }
  const median = durations.toSorted((one, other) => one - other)[Math.floor(durations.length / 2)];
  record("healthy doctor, from process start", { medianMs: Math.round(median ?? 0), runs: durations.length });
});
