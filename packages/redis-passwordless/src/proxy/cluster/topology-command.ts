import { nodesReply } from "./nodes-reply.js";
import type { ReplyOrigin, Rewriting } from "./rewriting.js";
import { shardsReply } from "./shards-reply.js";
import { slotsReply } from "./slots-reply.js";

/** A command whose reply holds addresses of nodes. */
export interface TopologyQuery {
  /** Whether the reply tells of every node, so that others are gone. */
  readonly isWhole: boolean;
  /** The addresses in a reply; `undefined` when it has none, such as an error or `+QUEUED`. */
  read(frame: Buffer, origin: ReplyOrigin): Rewriting | undefined;
}

const QUERIES: ReadonlyMap<string, TopologyQuery> = new Map([
  ["SLOTS", { isWhole: true, read: slotsReply }],
  ["SHARDS", { isWhole: true, read: shardsReply }],
  ["NODES", { isWhole: true, read: nodesReply }],
  ["REPLICAS", { isWhole: false, read: nodesReply }],
  ["SLAVES", { isWhole: false, read: nodesReply }],
]);

/** What to do with the reply to a command; `undefined` for the others, whose replies hold no address to follow. */
export function topologyCommand(args: readonly Buffer[]): TopologyQuery | undefined {
  const [name, subcommand] = args;
  if (name === undefined || subcommand === undefined || subcommand.length > LONGEST) return undefined;
  if (name.toString("latin1").toUpperCase() !== "CLUSTER") return undefined;
  return QUERIES.get(subcommand.toString("latin1").toUpperCase());
}

const LONGEST = 8;
