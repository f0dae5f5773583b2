import { type FrameList, type FrameValue, readFrame } from "./frame-reader.js";
import {
  bulk,
  integer,
  isPort,
  type LocalAddress,
  meantHost,
  type ReplyOrigin,
  Rewriting,
} from "./rewriting.js";

/**
 * Finds the addresses in a reply to CLUSTER SHARDS: shards with `slots` and `nodes`, maps in RESP3 and lists of keys
 * and values in RESP2 (https://redis.io/docs/latest/commands/cluster-shards/).
 *
 * Clients choose among `endpoint`, `ip` and `hostname`, and between `port` and `tls-port`: all hosts become the local
 * one, and as the local ports have no TLS, there is a `port` and no `tls-port`.
 *
 * @returns `undefined` when it is something else
 */
export function shardsReply(frame: Buffer, origin: ReplyOrigin): Rewriting | undefined {
  const reply = readFrame(frame);
  if (reply?.kind !== "list") return undefined;
  const rewriting = new Rewriting(frame);
  for (const shard of reply.items) {
    const nodes = fieldsOf(shard)?.get("nodes")?.value;
    if (nodes?.kind !== "list") return undefined;
    for (const node of nodes.items) {
      if (node.kind !== "list" || !rewriteNode(node, rewriting, origin)) return undefined;
    }
  }
  return rewriting;
}

interface Field {
  readonly key: FrameValue;
  readonly value: FrameValue;
}

type Fields = ReadonlyMap<string, Field>;

function fieldsOf(value: FrameValue): Fields | undefined {
  if (value.kind !== "list" || value.items.length % 2 !== 0) return undefined;
  const fields = new Map<string, Field>();
  for (let at = 0; at < value.items.length; at += 2) {
    const [key, content] = value.items.slice(at, at + 2) as [FrameValue, FrameValue];
    // One that stands there twice could be read as either.
    if (key.kind !== "text" || fields.has(key.text)) return undefined;
    fields.set(key.text, { key, value: content });
  }
  return fields;
}

function rewriteNode(list: FrameList, rewriting: Rewriting, origin: ReplyOrigin): boolean {
  const fields = fieldsOf(list);
  if (fields === undefined) return false;
  const [plain, encrypted] = [portOf(fields, "port"), portOf(fields, "tls-port")];
  const port = origin.isEncrypted ? (encrypted ?? plain) : (plain ?? encrypted);
  const [ip, hostname] = [textOf(fields, "ip"), textOf(fields, "hostname")];
  const announced = fields.has("endpoint") ? textOf(fields, "endpoint") : ip;
  const host = meantHost(announced, origin, ip, hostname);
  if (host === undefined || port === undefined) return true;
  const node = { host, port };
  rewriting.announce(node);
  for (const name of ["ip", "endpoint", "hostname"]) {
    const field = fields.get(name);
    if (field !== undefined) rewriting.replace(field.value, (local) => bulk(local(node).host));
  }
  rewritePorts(list, fields, rewriting, (local) => integer(local(node).port));
  return true;
}

function rewritePorts(
  list: FrameList,
  fields: Fields,
  rewriting: Rewriting,
  write: (local: LocalAddress) => string,
): void {
  const [plain, encrypted] = [fields.get("port"), fields.get("tls-port")];
  if (plain !== undefined) rewriting.replace(plain.value, write);
  if (encrypted === undefined) return;
  if (plain === undefined) {
    rewriting.replace(encrypted.key, () => bulk("port"));
    rewriting.replace(encrypted.value, write);
    return;
  }
  rewriting.replace({ from: encrypted.key.from, to: encrypted.value.to }, () => "");
  const left = list.items.length - 2;
  const head = `${list.type}${list.type === "%" ? left / 2 : left}\r\n`;
  rewriting.replace({ from: list.from, to: list.itemsFrom }, () => head);
}

function portOf(fields: Fields, name: string): number | undefined {
  const value = fields.get(name)?.value;
  return value?.kind === "integer" && isPort(value.value) ? value.value : undefined;
}

function textOf(fields: Fields, name: string): string | undefined {
  const value = fields.get(name)?.value;
  return value?.kind === "text" ? value.text : undefined;
}
