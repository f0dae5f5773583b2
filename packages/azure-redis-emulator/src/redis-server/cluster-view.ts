import type { Reply } from "./reply.js";

const SLOTS = 16_384;

/** First and last slot of each master, in even shares. */
export function slotRanges(masters: number): readonly (readonly [first: number, last: number])[] {
  const start = (index: number): number => Math.floor((SLOTS * index) / masters);
  return Array.from({ length: masters }, (_, index) => [start(index), start(index + 1) - 1]);
}

/** What one node answers when it is asked about its cluster. */
export interface ClusterView {
  /** `CLUSTER INFO` */
  readonly info: string;
  /** `CLUSTER NODES` */
  readonly nodes: string;
  /** `CLUSTER SLOTS` */
  readonly slots: Reply;
}

/** How a cluster ought to be. */
export interface ExpectedCluster {
  /** Where each master sends clients (`host:port`), and its replicas that run. */
  readonly shards: ReadonlyMap<string, ReadonlySet<string>>;
  /** Identifiers of all nodes, and whether each runs. */
  readonly nodes: ReadonlyMap<string, boolean>;
}

/**
 * Says what a node still lacks: it must find its cluster working, be connected to all other nodes that run, and
 * send clients to each of the masters and replicas and nowhere else. `undefined` when it lacks nothing.
 *
 * The names of other nodes arrive after their addresses, so a working cluster may not know them yet.
 */
export function whatIsMissing(view: ClusterView, expected: ExpectedCluster): string | undefined {
  const state = /^cluster_state:(\w+)/m.exec(view.info)?.[1];
  if (state !== "ok") return `its cluster state is ${state ?? "unknown"}`;
  const lines = view.nodes.split("\n").filter((line) => line !== "");
  if (lines.length !== expected.nodes.size) {
    return `it knows ${lines.length} of ${expected.nodes.size} nodes`;
  }
  const stranger = lines.find((line) => expected.nodes.get(idIn(line)) !== false && !isConnected(line));
  if (stranger !== undefined) return `it is not connected to the node "${stranger}"`;
  const shards = shardsIn(view.slots);
  return isSame(shards, expected.shards) ? undefined : `it sends clients to ${describe(shards)}`;
}

/** What a node says about itself in `CLUSTER NODES`. */
export interface OwnPlace {
  readonly id: string;
  /** Identifier of the master that it replicates; `undefined` when it is one. */
  readonly masterId: string | undefined;
}

/** @param nodes `CLUSTER NODES` */
export function ownPlace(nodes: string): OwnPlace {
  const line = nodes.split("\n").find((candidate) => /\bmyself\b/.test(candidate)) ?? "";
  const [id = "", , flags = "", masterId = "-"] = line.split(" ");
  return { id, masterId: /\bslave\b/.test(flags) ? masterId : undefined };
}

/** Whether a node has met another one and may become its replica. */
export function knows(nodes: string, id: string): boolean {
  const line = nodes.split("\n").find((candidate) => idIn(candidate) === id);
  return line !== undefined && isConnected(line);
}

function idIn(line: string): string {
  return line.slice(0, line.indexOf(" "));
}

/** A line is `id address flags master ping pong epoch link slots…`. */
function isConnected(line: string): boolean {
  const [, , flags = "", , , , , link] = line.split(" ");
  return link === "connected" && !/\b(?:handshake|noaddr|fail)\b/.test(flags);
}

/** Each range is `[first, last, [host, port, id, …], …replicas]`; a master may have several ranges. */
function shardsIn(slots: Reply): ReadonlyMap<string, ReadonlySet<string>> {
  const shards = new Map<string, Set<string>>();
  for (const range of list(slots)) {
    const [master = "nobody", ...replicas] = list(range)
      .slice(2)
      .map((node) => {
        const [host, port] = list(node);
        return `${String(host)}:${String(port)}`;
      });
    shards.set(master, new Set([...(shards.get(master) ?? []), ...replicas]));
  }
  return shards;
}

function isSame(
  actual: ReadonlyMap<string, ReadonlySet<string>>,
  expected: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  return (
    actual.size === expected.size &&
    [...expected].every(([master, replicas]) => {
      const found = actual.get(master);
      return found?.size === replicas.size && [...replicas].every((replica) => found.has(replica));
    })
  );
}

function describe(shards: ReadonlyMap<string, ReadonlySet<string>>): string {
  return [...shards]
    .map(([master, replicas]) =>
      replicas.size === 0 ? master : `${master} (and its replicas ${[...replicas].join(", ")})`,
    )
    .join(", ");
}

function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}
