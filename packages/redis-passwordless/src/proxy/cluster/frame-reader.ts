/** A value inside a reply, and the bytes that it takes up there: `from` to `to`. */
export type FrameValue =
  | { readonly kind: "text"; readonly from: number; readonly to: number; readonly text: string }
  | { readonly kind: "integer"; readonly from: number; readonly to: number; readonly value: number }
  | { readonly kind: "null"; readonly from: number; readonly to: number }
  | FrameList;

/** An array or a set, or a map with keys and values in turn. */
export interface FrameList {
  readonly kind: "list";
  readonly from: number;
  /** Where its first item begins. */
  readonly itemsFrom: number;
  readonly to: number;
  readonly type: "*" | "~" | "%";
  readonly items: readonly FrameValue[];
}

/** Replies that tell a topology nest four deep. */
const DEEPEST = 8;

/**
 * Reads one whole reply of the kinds that topologies are told in. `undefined` for everything else: errors, other types,
 * and what is no whole reply. Nothing is made of a count that the bytes behind it do not bear out.
 */
export function readFrame(frame: Buffer): FrameValue | undefined {
  const value = new Reader(frame).value(0);
  return value !== undefined && value.to === frame.length ? value : undefined;
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(depth: number): FrameValue | undefined {
    const from = this.#at;
    const head = this.#line();
    if (head === undefined || depth > DEEPEST) return undefined;
    const type = head[0];
    const rest = head.slice(1);
    if (type === "+") return { kind: "text", from, to: this.#at, text: rest };
    if (type === "_" && rest === "") return { kind: "null", from, to: this.#at };
    if (!/^-?\d{1,15}$/.test(rest)) return undefined;
    const count = Number(rest);
    if (type === ":") return { kind: "integer", from, to: this.#at, value: count };
    if ((type === "$" || type === "*") && count === -1) return { kind: "null", from, to: this.#at };
    if (count < 0) return undefined;
    if (type === "$" || type === "=") return this.#text(from, count);
    if (type === "*" || type === "~" || type === "%") return this.#list(from, type, count, depth);
    return undefined;
  }

  #text(from: number, length: number): FrameValue | undefined {
    const end = this.#at + length;
    if (this.#bytes[end] !== 13 || this.#bytes[end + 1] !== 10) return undefined;
    const text = this.#bytes.toString("latin1", this.#at, end);
    this.#at = end + 2;
    return { kind: "text", from, to: this.#at, text };
  }

  #list(from: number, type: FrameList["type"], count: number, depth: number): FrameValue | undefined {
    const itemsFrom = this.#at;
    const items: FrameValue[] = [];
    for (let left = type === "%" ? 2 * count : count; left > 0; left -= 1) {
      const item = this.value(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { kind: "list", from, itemsFrom, to: this.#at, type, items };
  }

  #line(): string | undefined {
    const end = this.#bytes.indexOf("\r\n", this.#at, "latin1");
    if (end <= this.#at) return undefined;
    const line = this.#bytes.toString("latin1", this.#at, end);
    this.#at = end + 2;
    return line;
  }
}
