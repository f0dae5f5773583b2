/**
 * A reply as a tree, for what cannot be compared byte by byte. It is read here by other code than that of the proxy:
 * with the same code the two would share their mistakes.
 */
export interface Reply {
  readonly type: string;
  /** Text of a simple value, or a bulk string's content; `undefined` for null and for aggregates. */
  readonly text: string | undefined;
  /** Elements; those of a map are its keys and values in turn. */
  readonly items: readonly Reply[];
  /** As it was sent, latin1. */
  readonly wire: string;
}

export class UnreadableReplyError extends Error {}

/**
 * Reads whole replies off the beginning of `wire`.
 *
 * @returns them, and what is left: the beginning of another one, or nothing
 * @throws {UnreadableReplyError} when it is no Redis protocol
 */
export function readReplies(wire: string): { readonly replies: readonly Reply[]; readonly rest: string } {
  const replies: Reply[] = [];
  let at = 0;
  while (at < wire.length) {
    const reply = readReply(wire, at);
    if (reply === undefined) break;
    replies.push(reply);
    at += reply.wire.length;
  }
  return { replies, rest: wire.slice(at) };
}

const BULK = "$=!";
const AGGREGATE = "*~>%|";
const LINE = "+-:_#,(";

/** `undefined` when it has not arrived in full. */
function readReply(wire: string, from: number): Reply | undefined {
  const type = wire[from] ?? "";
  const lineEnd = wire.indexOf("\r\n", from);
  if (!(BULK + AGGREGATE + LINE).includes(type)) {
    throw new UnreadableReplyError(`No reply begins with ${JSON.stringify(wire.slice(from, from + 40))}`);
  }
  if (lineEnd < 0) return undefined;
  const line = wire.slice(from + 1, lineEnd);
  const bodyFrom = lineEnd + 2;
  const made = (end: number, text: string | undefined, items: readonly Reply[] = []): Reply => {
    return { type, text, items, wire: wire.slice(from, end) };
  };
  if (LINE.includes(type)) return made(bodyFrom, type === "_" ? undefined : line);
  const length = Number(line);
  if (!/^(-1|\d+)$/.test(line)) throw new UnreadableReplyError(`No length: ${JSON.stringify(line)}`);
  if (length < 0) return made(bodyFrom, undefined);
  if (BULK.includes(type)) {
    const end = bodyFrom + length;
    if (wire.length < end + 2) return undefined;
    if (wire.slice(end, end + 2) !== "\r\n") throw new UnreadableReplyError("A bulk string has no end");
    return made(end + 2, wire.slice(bodyFrom, end));
  }
  const items: Reply[] = [];
  let at = bodyFrom;
  for (let left = type === "%" || type === "|" ? 2 * length : length; left > 0; left--) {
    const item = readReply(wire, at);
    if (item === undefined) return undefined;
    items.push(item);
    at += item.wire.length;
  }
  return made(at, undefined, items);
}

/** A reply as plain values: texts and lists; maps are lists of their keys and values in turn. */
export type Plain = string | null | readonly Plain[];

export function plain(reply: Reply): Plain {
  if (AGGREGATE.includes(reply.type)) return reply.items.map(plain);
  return reply.text ?? null;
}

/** A list of keys and values in turn, by key. */
export function fieldsOf(list: Plain | undefined): ReadonlyMap<string, Plain> {
  const fields = new Map<string, Plain>();
  if (!Array.isArray(list)) return fields;
  for (let index = 0; index + 1 < list.length; index += 2) fields.set(String(list[index]), list[index + 1]);
  return fields;
}
