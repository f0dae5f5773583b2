import type { Reply } from "../../inband/reply.js";
import type { NodeAddress } from "../../topology/address-map.js";
import { SLOTS } from "../../topology/hash-slot.js";

/** A node by the address that the cluster announces. */
export type NodeName = `${string}:${number}`;

export function nameOf({ host, port }: NodeAddress): NodeName {
  return `${host}:${port}`;
}

/** Which node serves which slot. */
export class SlotMap {
  /** The nodes that serve slots, in the order of their first ones. */
  readonly masters: readonly NodeAddress[];
  /** The index of each slot's node; -1 where nobody serves it. */
  readonly #nodes: Int16Array;

  private constructor(masters: readonly NodeAddress[], nodes: Int16Array) {
    this.masters = masters;
    this.#nodes = nodes;
  }

  /** One server, or a cluster behind one endpoint: it serves every slot. */
  static single(server: NodeAddress): SlotMap {
    return new SlotMap([server], new Int16Array(SLOTS));
  }

  /**
   * Reads the answer to CLUSTER SLOTS.
   *
   * @param asked who has answered: nodes that announce no host are reached there
   * @returns `undefined` when it is no such answer, or tells of no node
   * @see https://redis.io/docs/latest/commands/cluster-slots/
   */
  static from(answer: Reply, asked: NodeAddress): SlotMap | undefined {
    if (!Array.isArray(answer)) return undefined;
    const masters: NodeAddress[] = [];
    const nodes = new Int16Array(SLOTS).fill(-1);
    const ranges = (answer as readonly Reply[]).flatMap((range) => rangeIn(range, asked) ?? []);
    for (const { from, to, node } of ranges.sort((one, other) => one.from - other.from)) {
      let index = masters.findIndex((known) => nameOf(known) === nameOf(node));
      if (index < 0) index = masters.push(node) - 1;
      nodes.fill(index, from, to + 1);
    }
    return masters.length === 0 ? undefined : new SlotMap(masters, nodes);
  }

  /** The node that serves a slot; `undefined` when nobody does. */
  nodeOf(slot: number): NodeAddress | undefined {
    return this.masters[this.#nodes[slot] ?? -1];
  }

  /** The same map with one slot served by this node. */
  with(slot: number, node: NodeAddress): SlotMap {
    const nodes = Int16Array.from(this.#nodes);
    const known = this.masters.findIndex((master) => nameOf(master) === nameOf(node));
    nodes[slot] = known < 0 ? this.masters.length : known;
    return new SlotMap(known < 0 ? [...this.masters, node] : this.masters, nodes);
  }

  /** Whether it says the same. */
  equals(other: SlotMap): boolean {
    const names = (map: SlotMap): string => map.masters.map(nameOf).join();
    return names(this) === names(other) && this.#nodes.every((node, slot) => node === other.#nodes[slot]);
  }
}

interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly node: NodeAddress;
}

function rangeIn(range: Reply, asked: NodeAddress): SlotRange | undefined {
  if (!Array.isArray(range)) return undefined;
  const [from, to, master] = range as readonly Reply[];
  if (!isSlot(from) || !isSlot(to) || from > to || !Array.isArray(master)) return undefined;
  const [host, port] = master as readonly Reply[];
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  const isKnown = typeof host === "string" && host !== "" && host !== "?";
  return { from, to, node: { host: isKnown ? host : asked.host, port } };
}

function isSlot(value: Reply | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < SLOTS;
}
