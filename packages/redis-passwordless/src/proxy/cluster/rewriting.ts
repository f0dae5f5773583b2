import type { NodeAddress } from "../../topology/address-map.js";

/** A node as a reply announces it. */
export interface AnnouncedNode extends NodeAddress {
  /** Another host under which the same reply knows it. */
  readonly otherHost?: string | undefined;
}

/** Where clients find a node. */
export type LocalAddress = (node: AnnouncedNode) => NodeAddress;

/** What has to be known of the connection that a reply came on. */
export interface ReplyOrigin {
  /** The host that it leads to: nodes that are announced without a host are there. */
  readonly host: string;
  /** Whether TLS protects it: then the nodes' TLS ports are meant. */
  readonly isEncrypted: boolean;
}

/** The bytes from `from` to `to`. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** The addresses in one reply, and what to put in their place; every other byte stays. */
export class Rewriting {
  readonly #frame: Buffer;
  readonly #edits: (Range & { readonly write: (local: LocalAddress) => string })[] = [];
  readonly #nodes: AnnouncedNode[] = [];

  constructor(frame: Buffer) {
    this.#frame = frame;
  }

  /** The nodes whose local addresses {@link apply} asks for. */
  get nodes(): readonly AnnouncedNode[] {
    return this.#nodes;
  }

  announce(node: AnnouncedNode): void {
    this.#nodes.push(node);
  }

  replace({ from, to }: Range, write: (local: LocalAddress) => string): void {
    this.#edits.push({ from, to, write });
  }

  apply(local: LocalAddress): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    for (const { from, to, write } of this.#edits.toSorted((one, other) => one.from - other.from)) {
      parts.push(this.#frame.subarray(at, from), Buffer.from(write(local), "latin1"));
      at = to;
    }
    parts.push(this.#frame.subarray(at));
    return Buffer.concat(parts);
  }
}

/** A bulk string of text that was read as latin1, or of a host, which is ASCII. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export function integer(value: number): string {
  return `:${value}\r\n`;
}

export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/**
 * The host that is meant. Redis announces none when the client shall use the one it has, and `?` when the node has no
 * name although names are preferred (redis.conf, `cluster-preferred-endpoint-type`): then the reply may tell elsewhere
 * where the node is.
 *
 * @returns `undefined` when nobody knows
 */
export function meantHost(
  announced: string | undefined,
  origin: ReplyOrigin,
  ...elsewhere: readonly (string | undefined)[]
): string | undefined {
  if (announced === undefined || announced === "") return origin.host;
  if (announced !== "?") return announced;
  return elsewhere.find((host) => host !== undefined && host !== "" && host !== "?");
}
