import type { AzureEndpoint } from "../azure/endpoint.js";
import { type Reply, ReplyError } from "../inband/reply.js";
import { isAddress, type NodeAddress } from "../topology/address-map.js";
import { TOPOLOGY_QUESTION, topologyOf } from "../topology/topology.js";
import { labelOf } from "./environment-step.js";
import type { Examination } from "./examination.js";
import type { RedisConnection } from "./redis-connection.js";
import type { Step } from "./steps.js";

const LIMIT_MS = 3_000;

/** A part of the keys, and who has it. */
export interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** The master first. */
  readonly nodes: readonly NodeAddress[];
}

export interface Layout {
  readonly topology: "cluster" | "single" | "either" | "unknown";
  readonly ranges: readonly SlotRange[];
  /** Whether this identity may ask. */
  readonly isAllowed: boolean;
}

/** Asks how the server wants to be used. */
export function askLayout(
  { steps, known }: Examination,
  endpoint: AzureEndpoint,
  connection: RedisConnection,
): Promise<Layout | undefined> {
  return steps.run("topology", LIMIT_MS, async (step) => {
    const layout = layoutOf(await connection.ask(...TOPOLOGY_QUESTION), endpoint);
    known.topology = layout.topology;
    describe(layout, endpoint, step);
    return layout;
  });
}

function layoutOf(reply: Reply, endpoint: AzureEndpoint): Layout {
  if (reply instanceof ReplyError) {
    const topology = topologyOf(`-${reply.message}\r\n`) ?? "unknown";
    return { topology, ranges: [], isAllowed: !/NOPERM/i.test(reply.message) };
  }
  const ranges = Array.isArray(reply) ? reply.map((range) => rangeOf(range as Reply, endpoint)) : [];
  const topology = topologyOf(`*${ranges.length}\r\n`) ?? "unknown";
  return { topology, ranges: ranges.filter(({ nodes }) => nodes.length > 0), isAllowed: true };
}

function rangeOf(range: Reply, { host }: AzureEndpoint): SlotRange {
  const [first, last, ...nodes] = Array.isArray(range) ? (range as readonly Reply[]) : [];
  return {
    first: Number(first),
    last: Number(last),
    nodes: nodes.flatMap((node) => {
      const [name, port] = Array.isArray(node) ? (node as readonly Reply[]) : [];
      // No name, or "?", means the one that was asked (https://redis.io/docs/latest/commands/cluster-slots/).
      const isNamed = typeof name === "string" && name !== "" && name !== "?";
      return typeof port === "number" ? [{ host: isNamed ? name : host, port }] : [];
    }),
  };
}

/** All nodes, each once, masters first. */
export function nodesOf({ ranges }: Layout): readonly NodeAddress[] {
  const all = [
    ...ranges.flatMap(({ nodes }) => nodes.slice(0, 1)),
    ...ranges.flatMap(({ nodes }) => nodes.slice(1)),
  ];
  return [...new Map(all.map((node) => [labelOf(node), node])).values()];
}

function describe(layout: Layout, { product }: AzureEndpoint, step: Step): void {
  const { topology, ranges, isAllowed } = layout;
  const nodes = nodesOf(layout);
  const masters = new Set(
    ranges.flatMap(({ nodes: [master] }) => (master === undefined ? [] : [labelOf(master)])),
  );
  const byAddress = nodes.some(({ host }) => isAddress(host));
  Object.assign(step.facts, {
    topology,
    isAllowed,
    clients: CLIENTS[topology],
    nodes: nodes.map((node) => ({ ...node, role: masters.has(labelOf(node)) ? "master" : "replica" })),
    slotRanges: ranges.length,
    announcedByAddress: byAddress,
  });
  if (topology === "unknown") {
    step.summary = isAllowed ? "the server does not say" : "this identity may not ask (CLUSTER SLOTS)";
  } else if (topology === "single") {
    const what =
      product === "managedRedis" ? "one endpoint (Enterprise policy, or no cluster)" : "one server";
    step.summary = `${what}: ${CLIENTS.single.join(", ")}`;
  } else {
    const count = `${masters.size} master${masters.size === 1 ? "" : "s"}, ${nodes.length - masters.size} replicas`;
    step.summary = `OSS cluster, ${count}: ${CLIENTS.cluster.join(", ")}`;
  }
}

/** What to connect with: node-redis, then ioredis. */
const CLIENTS = {
  single: ["createClient(azureRedis())", "azureRedis(Redis)"],
  cluster: ["createCluster(azureRedisCluster())", "azureRedis(Cluster)"],
  either: ["createCluster(azureRedisCluster())", "azureRedis(Cluster)"],
  unknown: ["azureRedisClient()"],
} as const;
