/** No Redis command name is longer; longer names are never looked up. */
export const LONGEST_NAME = 32;

/** Folds ASCII capitals, as Redis compares command names. */
const LOWER = new Uint8Array(256).map((_, byte) => (byte >= 65 && byte <= 90 ? byte + 32 : byte));

/**
 * A set of command names that is asked about raw bytes: a table of 1024 slots, one for each length and first
 * letter, answers almost every "no" with one look. Case does not matter.
 */
export class WatchList {
  readonly names: readonly string[];
  readonly #slots: ({ readonly bytes: Uint8Array; readonly index: number }[] | undefined)[] = Array.from({
    length: (LONGEST_NAME + 1) * 32,
  });

  constructor(names: readonly string[]) {
    this.names = names;
    for (const [index, name] of names.entries()) {
      const bytes = Buffer.from(name.toLowerCase(), "latin1");
      if (bytes.length === 0 || bytes.length > LONGEST_NAME) {
        throw new RangeError(
          `A watched command name has 1 to ${LONGEST_NAME} bytes; got ${JSON.stringify(name)}`,
        );
      }
      const slot = (bytes.length << 5) | (bytes[0]! & 31);
      (this.#slots[slot] ??= []).push({ bytes, index });
    }
  }

  /** Index in `names` of the name at `buffer[offset, offset + length)`, or -1. */
  indexOf(buffer: Uint8Array, offset: number, length: number): number {
    if (length === 0 || length > LONGEST_NAME) return -1;
    const candidates = this.#slots[(length << 5) | (buffer[offset]! & 31)];
    if (candidates === undefined) return -1;
    next: for (const { bytes, index } of candidates) {
      for (let j = 0; j < length; j++) {
        if (LOWER[buffer[offset + j]!] !== bytes[j]) continue next;
      }
      return index;
    }
    return -1;
  }
}

/** Lists that were made before: most scanners of a process watch the same few commands, and a table has 8 KB. */
const made = new Map<string, WatchList>();
const MOST_KEPT = 64;

/** The list of these names; the same one for the same names. */
export function watchListOf(names: readonly string[]): WatchList {
  const key = names.join(" ");
  const known = made.get(key);
  if (known !== undefined) return known;
  const list = new WatchList(names);
  if (made.size < MOST_KEPT) made.set(key, list);
  return list;
}
