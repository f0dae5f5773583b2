import { type ClusterView, type ExpectedCluster, ownPlace, whatIsMissing } from "./cluster-view.js";
import type { StartedRedisServer } from "./start-redis-server.js";

/** A node and its place in the cluster, as far as known. */
export interface Member {
  readonly server: StartedRedisServer;
  readonly id: string;
  /** Where the cluster sends clients that want this node. */
  announced: { readonly host: string; readonly port: number };
  /** Index of the master that it replicates; its own when it is one. */
  master: number;
}

/** Indexes of a master's replicas. */
export function runningReplicas(members: readonly Member[], node: number): readonly number[] {
  return members.flatMap(({ master, server }, index) =>
    master === node && index !== node && server.isRunning ? [index] : [],
  );
}

/**
 * Asks the nodes that run where they are, notes it, and says what some of them do not know yet, or tell clients
 * otherwise. `undefined` when they agree.
 */
export async function disagreement(members: readonly Member[]): Promise<string | undefined> {
  const running = members.filter(({ server }) => server.isRunning);
  const views = await Promise.all(running.map(({ server }) => viewOf(server)));
  // Each node knows its own place first, whoever has changed it.
  for (const [index, member] of running.entries()) {
    const { id, masterId = id } = ownPlace(views[index]!.nodes);
    member.master = members.findIndex((other) => other.id === masterId);
  }
  const expected = expectedCluster(members);
  for (const [index, { server }] of running.entries()) {
    const missing = whatIsMissing(views[index]!, expected);
    if (missing !== undefined) return `to its node at port ${server.port} ${missing}`;
  }
  return undefined;
}

function expectedCluster(members: readonly Member[]): ExpectedCluster {
  const endpoint = ({ announced }: Member): string => `${announced.host}:${announced.port}`;
  const shards = members.flatMap((member, index) => {
    if (member.master !== index) return [];
    const replicas = runningReplicas(members, index).map((replica) => endpoint(members[replica]!));
    return [[endpoint(member), new Set(replicas)] as const];
  });
  return {
    shards: new Map(shards),
    nodes: new Map(members.map(({ id, server }) => [id, server.isRunning])),
  };
}

async function viewOf(server: StartedRedisServer): Promise<ClusterView> {
  const [info, nodes, slots] = await Promise.all(
    ["INFO", "NODES", "SLOTS"].map((about) => server.command("CLUSTER", about)),
  );
  return { info: String(info), nodes: String(nodes), slots: slots! };
}
