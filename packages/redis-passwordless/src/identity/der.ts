/** One element of an ASN.1 structure in DER, or in the BER that some PFX writers use. */
export interface DerNode {
  /** Identifier octet: class, constructed bit and number. */
  readonly tag: number;
  /** The element's content. */
  readonly content: Buffer;
  /** The whole element, header included. */
  readonly raw: Buffer;
}

export const TAG = {
  integer: 0x02,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  set: 0x31,
  constructedOctetString: 0x24,
  explicit0: 0xa0,
  implicit0: 0x80,
  constructedImplicit0: 0xa0,
} as const;

const DEEPEST = 32;

/** Reads the element at the start of `bytes`. @throws {Error} when the bytes are not a DER element */
export function readNode(bytes: Buffer, depth = 0): DerNode {
  const tag = bytes[0];
  const first = bytes[1];
  if (tag === undefined || first === undefined || depth > DEEPEST) throw malformed();
  if (first === 0x80) return readIndefinite(tag, bytes, depth);
  if (first < 0x80) return cut(tag, bytes, 2, first);
  const lengthBytes = first & 0x7f;
  if (lengthBytes > 4 || bytes.length < 2 + lengthBytes) throw malformed();
  return cut(tag, bytes, 2 + lengthBytes, bytes.readUIntBE(2, lengthBytes));
}

/** The elements inside a constructed element. */
export function children(node: DerNode): DerNode[] {
  const nodes: DerNode[] = [];
  for (let rest = node.content; rest.length > 0; ) {
    const next = readNode(rest);
    nodes.push(next);
    rest = rest.subarray(next.raw.length);
  }
  return nodes;
}

/** The child at an index. @throws {Error} when there is none */
export function child(node: DerNode, index: number): DerNode {
  const found = children(node)[index];
  if (found === undefined) throw malformed();
  return found;
}

/** An object identifier in dotted form. */
export function objectIdentifier(node: DerNode): string {
  if (node.tag !== TAG.objectIdentifier) throw malformed();
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of node.content) {
    arc = arc * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    if (arcs.length === 0) {
      const root = Math.min(Math.floor(arc / 40), 2);
      arcs.push(root, arc - root * 40);
    } else arcs.push(arc);
    arc = 0;
  }
  return arcs.join(".");
}

/** A small non-negative integer. */
export function smallInteger(node: DerNode): number {
  if (node.tag !== TAG.integer || node.content.length === 0 || node.content.length > 5) throw malformed();
  return node.content.readUIntBE(0, node.content.length);
}

/** The bytes of an octet string, which BER may cut into pieces. */
export function octets(node: DerNode): Buffer {
  if ((node.tag & 0x20) === 0) return node.content;
  return Buffer.concat(children(node).map(octets));
}

function cut(tag: number, bytes: Buffer, start: number, length: number): DerNode {
  if (bytes.length < start + length) throw malformed();
  return { tag, content: bytes.subarray(start, start + length), raw: bytes.subarray(0, start + length) };
}

/** BER's form without a length: elements up to two zero octets. */
function readIndefinite(tag: number, bytes: Buffer, depth: number): DerNode {
  let at = 2;
  while (bytes[at] !== 0 || bytes[at + 1] !== 0) at += readNode(bytes.subarray(at), depth + 1).raw.length;
  return { tag, content: bytes.subarray(2, at), raw: bytes.subarray(0, at + 2) };
}

function malformed(): Error {
  return new Error("it is not a readable PFX file");
}
