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

/**
 * Says what a node still lacks: it must find its cluster working, be connected to all other nodes, and send
 * clients to each of the `endpoints` (`host:port`) and nowhere else. `undefined` when it lacks nothing.
 *
 * The names of other nodes arrive after their addresses, so a working cluster may not know them yet.
 */
export function whatIsMissing(view: ClusterView, endpoints: ReadonlySet<string>): string | undefined {
  const state = /^cluster_state:(\w+)/m.exec(view.info)?.[1];
  if (state !== "ok") return `its cluster state is ${state ?? "unknown"}`;
  const nodes = view.nodes.split("\n").filter((line) => line !== "");
  if (nodes.length !== endpoints.size) return `it knows ${nodes.length} of ${endpoints.size} nodes`;
  const stranger = nodes.find((line) => !isConnected(line));
  if (stranger !== undefined) return `it is not connected to the node "${stranger}"`;
  const announced = new Set(endpointsOf(view.slots));
  if (announced.size === endpoints.size && [...announced].every((endpoint) => endpoints.has(endpoint))) {
    return undefined;
  }
  return `it sends clients to ${[...announced].join(", ")}`;
}

/** A line is `id address flags master ping pong epoch link slots…`. */
function isConnected(line: string): boolean {
  const [, , flags = "", , , , , link] = line.split(" ");
  return link === "connected" && !/\b(?:handshake|noaddr|fail)\b/.test(flags);
}

/** Each range is `[first, last, [host, port, id, …], …replicas]`. */
function endpointsOf(slots: Reply): readonly string[] {
  return list(slots).map((range) => {
    const [host, port] = list(list(range)[2]);
    return `${String(host)}:${String(port)}`;
  });
}

function list(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}
