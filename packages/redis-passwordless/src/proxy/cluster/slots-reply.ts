import { type FrameList, type FrameValue, readFrame } from "./frame-reader.js";
import { bulk, integer, isPort, meantHost, type ReplyOrigin, Rewriting } from "./rewriting.js";

/**
 * Finds the addresses in a reply to CLUSTER SLOTS: ranges of slots, each with `[endpoint, port, id, metadata]` of its
 * master and replicas; no metadata before Redis 7.0 (https://redis.io/docs/latest/commands/cluster-slots/).
 *
 * The metadata's `ip` and `hostname` go, as in a cluster that has nothing to add to its endpoints: clients that find no
 * endpoint look for one there, and others prefer a name.
 *
 * @returns `undefined` when it is something else
 */
export function slotsReply(frame: Buffer, origin: ReplyOrigin): Rewriting | undefined {
  const reply = readFrame(frame);
  if (reply?.kind !== "list") return undefined;
  const rewriting = new Rewriting(frame);
  for (const range of reply.items) {
    if (range.kind !== "list") return undefined;
    const [first, last, ...nodes] = range.items;
    if (first?.kind !== "integer" || last?.kind !== "integer") return undefined;
    for (const node of nodes) {
      if (node.kind !== "list" || !rewriteNode(node, rewriting, origin)) return undefined;
    }
  }
  return rewriting;
}

function rewriteNode({ items }: FrameList, rewriting: Rewriting, origin: ReplyOrigin): boolean {
  const [endpoint, port, , metadata] = items;
  if (endpoint?.kind !== "text" && endpoint?.kind !== "null") return false;
  if (port?.kind !== "integer") return false;
  const more = metadata?.kind === "list" ? metadata : undefined;
  const announced = endpoint.kind === "text" ? endpoint.text : undefined;
  const host = meantHost(announced, origin, valueOf(more, "ip"), valueOf(more, "hostname"));
  if (host === undefined || !isPort(port.value)) return true;
  const node = { host, port: port.value };
  rewriting.announce(node);
  rewriting.replace(endpoint, (local) => bulk(local(node).host));
  rewriting.replace(port, (local) => integer(local(node).port));
  if (more !== undefined) removeAddresses(more, rewriting);
  return true;
}

const ADDRESSES = new Set(["ip", "hostname"]);

function removeAddresses(metadata: FrameList, rewriting: Rewriting): void {
  const { items, type } = metadata;
  let pairs = items.length / 2;
  for (let key = 0; key + 1 < items.length; key += 2) {
    const name = items[key] as FrameValue;
    if (name.kind !== "text" || !ADDRESSES.has(name.text)) continue;
    rewriting.replace({ from: name.from, to: (items[key + 1] as FrameValue).to }, () => "");
    pairs -= 1;
  }
  if (pairs === items.length / 2) return;
  const head = type === "%" ? `%${pairs}\r\n` : `${type}${2 * pairs}\r\n`;
  rewriting.replace({ from: metadata.from, to: metadata.itemsFrom }, () => head);
}

function valueOf(metadata: FrameList | undefined, wanted: string): string | undefined {
  const items = metadata?.items ?? [];
  for (let key = 0; key + 1 < items.length; key += 2) {
    const [name, value] = [items[key], items[key + 1]];
    if (name?.kind === "text" && name.text === wanted && value?.kind === "text") return value.text;
  }
  return undefined;
}
