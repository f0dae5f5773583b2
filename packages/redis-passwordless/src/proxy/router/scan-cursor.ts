/** Bits of a cursor that say which node it is of. */
const NODE_BITS = 10n;
const NODES = 1n << NODE_BITS;
/** Redis reads cursors as unsigned integers of 64 bits. */
const LIMIT = 1n << 64n;

/** Where a SCAN over all nodes is: at a node, by its place among them, with the cursor of that node's own SCAN. */
export interface ScanPosition {
  readonly node: number;
  readonly cursor: bigint;
}

/** Reads a cursor that {@link nextCursor} has written; 0 begins. `undefined` when it is no cursor. */
export function positionOf(cursor: string): ScanPosition | undefined {
  if (!/^\d{1,20}$/.test(cursor) || BigInt(cursor) >= LIMIT) return undefined;
  const value = BigInt(cursor);
  return { node: Number(value % NODES), cursor: value >> NODE_BITS };
}

/**
 * The cursor behind a reply: of the same node while that has more, of the next one after that, and 0 at the end.
 *
 * @returns `undefined` when the node's cursor is too large to have its place written beside it
 */
export function nextCursor({ node }: ScanPosition, replied: bigint, nodes: number): bigint | undefined {
  if (replied > 0n) {
    const cursor = (replied << NODE_BITS) | BigInt(node);
    return cursor < LIMIT ? cursor : undefined;
  }
  return node + 1 < nodes ? BigInt(node + 1) : 0n;
}
