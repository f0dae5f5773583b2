import type { NodeAddress } from "../../topology/address-map.js";
import { type FrameValue, readFrame } from "./frame-reader.js";
import { type AnnouncedNode, bulk, isPort, meantHost, type ReplyOrigin, Rewriting } from "./rewriting.js";

/**
 * Finds the addresses in a reply to CLUSTER NODES, which is one text (a verbatim string in RESP3), or to CLUSTER
 * REPLICAS or SLAVES, which is a list of its lines. A line begins with `id ip:port@cport,hostname` and a blank; the bus
 * port and the name may be missing, and other fields may follow the name
 * (https://redis.io/docs/latest/commands/cluster-nodes/). The bus port, to which no client connects, stays.
 *
 * @returns `undefined` when it is something else
 */
export function nodesReply(frame: Buffer, origin: ReplyOrigin): Rewriting | undefined {
  const reply = readFrame(frame);
  if (reply === undefined) return undefined;
  const rewriting = new Rewriting(frame);
  for (const text of reply.kind === "list" ? reply.items : [reply]) {
    if (text.kind !== "text") return undefined;
    rewriteText(text, frame, rewriting, origin);
  }
  return rewriting;
}

/** A line, or how it is written once the local addresses are known. */
type Line = string | { readonly node: AnnouncedNode; readonly write: (local: NodeAddress) => string };

function rewriteText(
  value: FrameValue & { kind: "text" },
  frame: Buffer,
  rewriting: Rewriting,
  origin: ReplyOrigin,
): void {
  const lines = value.text.split("\n").map((line): Line => readLine(line, origin) ?? line);
  const nodes = lines.flatMap((line) => (typeof line === "string" ? [] : [line.node]));
  if (nodes.length === 0) return;
  for (const node of nodes) rewriting.announce(node);
  const type = String.fromCharCode(frame[value.from] ?? 0);
  rewriting.replace(value, (local) => {
    const text = lines
      .map((line) => (typeof line === "string" ? line : line.write(local(line.node))))
      .join("\n");
    return type === "+" ? `+${text}\r\n` : `${type}${bulk(text).slice(1)}`;
  });
}

function readLine(line: string, origin: ReplyOrigin): Line | undefined {
  const from = line.indexOf(" ") + 1;
  const to = line.indexOf(" ", from);
  if (from === 0 || to < 0) return undefined;
  const [address = "", hostname, ...more] = line.slice(from, to).split(",");
  const at = address.includes("@") ? address.lastIndexOf("@") : address.length;
  const colon = address.lastIndexOf(":", at);
  const port = Number(address.slice(colon + 1, at));
  const ip = meantHost(address.slice(0, Math.max(colon, 0)), origin);
  // A node whose address is not known has port 0.
  if (colon < 0 || !isPort(port) || ip === undefined) return undefined;
  const isNamed = hostname !== undefined && hostname !== "";
  const write = (local: NodeAddress): string => {
    const name = isNamed ? local.host : hostname;
    const fields = [`${local.host}:${local.port}${address.slice(at)}`, ...(name === undefined ? [] : [name])];
    return `${line.slice(0, from)}${[...fields, ...more].join(",")}${line.slice(to)}`;
  };
  return { node: isNamed ? { host: hostname, port, otherHost: ip } : { host: ip, port }, write };
}
