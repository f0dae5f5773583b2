import { encodeCommand } from "resp-framing";
import { decodeReply } from "../../inband/reply.js";
import { elementsOf, listOf } from "./merge.js";
import { nextCursor, positionOf, type ScanPosition } from "./scan-cursor.js";

/** A SCAN over all nodes: the part of it that is next. */
export type Scan =
  | { readonly kind: "send"; readonly command: Buffer; readonly position: ScanPosition }
  | { readonly kind: "answer"; readonly reply: Buffer };

const INVALID = Buffer.from("-ERR invalid cursor\r\n");
const TOO_LARGE = Buffer.from(
  "-ERR_PASSWORDLESS_COMMAND_REFUSED The cursor of the server is too large to go on with on several nodes\r\n",
);
const END = Buffer.from("*2\r\n$1\r\n0\r\n*0\r\n");

export function scanAt(args: readonly Buffer[], nodes: number): Scan {
  if (args.length < 2) return { kind: "answer", reply: arityError() };
  const position = positionOf(String(args[1]));
  if (position === undefined) return { kind: "answer", reply: INVALID };
  // Nodes have gone since the last part.
  if (position.node >= nodes) return { kind: "answer", reply: END };
  const command = encodeCommand([args[0]!, String(position.cursor), ...args.slice(2)]);
  return { kind: "send", command, position };
}

/** The reply of a node with the cursor that leads on from there. */
export function nextScan(frame: Buffer, position: ScanPosition, nodes: number): Buffer {
  if (frame[0] !== 42) return frame;
  const [cursor, ...rest] = elementsOf(frame);
  const replied = cursor === undefined ? undefined : decodeReply(cursor);
  if (typeof replied !== "string" || !/^\d+$/.test(replied)) return frame;
  const next = nextCursor(position, BigInt(replied), nodes);
  if (next === undefined) return TOO_LARGE;
  const text = String(next);
  return listOf([Buffer.from(`$${text.length}\r\n${text}\r\n`), ...rest]);
}

function arityError(): Buffer {
  return Buffer.from("-ERR wrong number of arguments for 'scan' command\r\n");
}
