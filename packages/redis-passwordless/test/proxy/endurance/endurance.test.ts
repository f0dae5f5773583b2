import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setInterval } from "node:timers/promises";
import type { Emulator } from "azure-redis-emulator";
import { expect, test } from "vitest";
import { proxies } from "../../cli/proxy-process.js";
import { record } from "../../support/record.js";
import { liveHeaps, reportsLiveHeap, residentBytes, thirds } from "./memory.js";
import { SteadyLoad } from "./steady-load.js";

/**
 * 24 hours on Azure are about 30 tokens. With `LONG=1` each connection lives through more of them and the memory is
 * watched, which takes half an hour; the suite's own run is too short for that. Tokens last so long that a machine on
 * which everything stands still for a second or two has time for its logins: on Azure 20 minutes are left for them.
 */
const isLong = process.env["LONG"] !== undefined;
const CLIENTS = isLong ? 200 : 60;
const TOKEN_MS = isLong ? 20_000 : 12_000;
const PERIOD_MS = isLong ? 1_000 : 500;
const MINUTE = 60_000;

/** How much the memory may differ from one third of a run to the next: so much it does by chance. */
const NOISE = 0.1;

interface Mode {
  readonly name: string;
  readonly args: readonly string[];
  readonly isCluster?: true;
  readonly without?: readonly string[];
  /** How many tokens follow the first one. */
  readonly rotations: number;
}

const MODES: readonly Mode[] = [
  { name: "a connection for each", args: [], rotations: isLong ? 45 : 1 },
  { name: "a pool", args: ["--pool=8"], rotations: isLong ? 35 : 1 },
  {
    name: "a cluster as one server",
    args: ["--single-endpoint"],
    isCluster: true,
    without: ["tracker"],
    rotations: isLong ? 35 : 1,
  },
];

test.for(isLong ? MODES : MODES.slice(0, 1))(
  "$name: token after token nothing fails, is missed or doubled, and nothing piles up",
  { timeout: 30 * MINUTE },
  async ({ name, args, isCluster, without = [], rotations }, context) => {
    const redis = isCluster && { cluster: { masters: 3, announce: "hostname" } as const };
    const { azure, cache, folder, proxy } = await proxies(context, {
      tokenLifetimeMs: TOKEN_MS,
      ...(redis && { redis }),
    });
    const heapFile = join(folder, "live-heap");
    const running = proxy(
      [`c=${cache}`, "--listen=0", "--http-address=0", ...args],
      isLong ? reportsLiveHeap(heapFile) : {},
    );
    const statusUrl = `http://${await running.statusAddress()}/status`;
    const port = await running.port("c");
    const load = await SteadyLoad.start({ port, clients: CLIENTS, periodMs: PERIOD_MS, without });
    const first = tokensOf(azure);
    const samples: Sample[] = [];
    const lag = monitorEventLoopDelay();
    lag.enable();
    for await (const _ of setInterval(1_000)) {
      samples.push({ resident: residentBytes(running.pid), ...(await countersOf(statusUrl)) });
      const { openUpstreams, reauthentications } = samples.at(-1)!;
      // Those that come and go bring the newest token with them.
      const isOver = reauthentications >= rotations * openUpstreams || tokensOf(azure) - first > rotations;
      if (load.wrong.length > 0 || isOver) break;
    }
    const { openUpstreams, reauthentications } = samples.at(-1)!;
    await load.stop();

    const memory = thirds(samples.map(({ resident }) => resident));
    const connections = thirds(samples.map((sample) => sample.openUpstreams));
    const heaps = thirds(liveHeaps(heapFile));
    record(`endurance, ${name}`, {
      minutes: samples.length / 60,
      tokens: tokensOf(azure) - first,
      rounds: load.rounds,
      reauthentications,
      openUpstreams,
      residentMB: memory.map(inMB),
      liveHeapMB: heaps.map(inMB),
      connections,
      wrong: load.wrong.length,
      // What a busy machine does to this process, and so to the cache.
      longestStandstillMs: Math.round(lag.max / 1e6),
    });
    expect([load.wrong, cutByAzure(azure)]).toEqual([[], []]);
    expect(tokensOf(azure) - first).toBeGreaterThanOrEqual(rotations);
    if (!isLong) return;
    for (const series of [memory, heaps, connections]) {
      expect(series[2] / series[1]).toBeLessThan(1 + NOISE);
    }
  },
);

interface Sample {
  readonly resident: number;
  readonly openUpstreams: number;
  readonly reauthentications: number;
}

async function countersOf(statusUrl: string): Promise<Omit<Sample, "resident">> {
  const { instances } = (await (await fetch(statusUrl)).json()) as {
    instances: readonly [{ readonly counters: Omit<Sample, "resident"> }];
  };
  const { openUpstreams, reauthentications } = instances[0].counters;
  return { openUpstreams, reauthentications };
}

/** How many tokens somebody has logged in with. */
function tokensOf({ events }: Emulator): number {
  return new Set(events.flatMap((event) => (event.type === "login" && event.accepted ? [event.tokenId] : [])))
    .size;
}

function cutByAzure({ events }: Emulator): unknown[] {
  return events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired");
}

function inMB(bytes: number): number {
  return Math.round(bytes / 100_000) / 10;
}
