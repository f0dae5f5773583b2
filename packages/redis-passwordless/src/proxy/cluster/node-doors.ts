import type { Clock } from "../../core/clock.js";
import { PasswordlessError } from "../../core/errors.js";
import type { AddressMap, MappedAddress, NodeAddress } from "../../topology/address-map.js";
import type { PortRange } from "../config/node-ports.js";
import { PortPool } from "./port-pool.js";
import type { AnnouncedNode } from "./rewriting.js";

/** A local listener that leads to one node. */
export interface Door {
  readonly port: number;
  /** Takes nobody in any more; those who are in may stay. */
  close(): Promise<void> | void;
}

export interface NodeDoorsOptions {
  /**
   * Listens on a local port, or on any for 0, and leads every client to `node`: the address at which it is reached,
   * after the address map.
   */
  open(node: MappedAddress, port: number): Promise<Door>;
  readonly clock: Clock;
  /** Where announced nodes are reached. @default where they are announced */
  readonly addressMap?: AddressMap | undefined;
  /** The ports that may be used. @default any that is free */
  readonly ports?: PortRange | undefined;
  /** For how long a door stays open that no reply has mentioned, in milliseconds. @default 60_000 */
  readonly graceMs?: number | undefined;
}

/** The local port of a node. */
export type LocalPort = (node: AnnouncedNode) => number;

/** A node that has a door, and where clients find it. */
export interface OpenDoor {
  /** Where it is reached. */
  readonly node: MappedAddress;
  readonly port: number;
}

/** Redis recommends at most 1,000 nodes (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
const MOST_DOORS = 1_024;

/** Clients ask for the topology when something fails, or every minute or so. */
const GRACE_MS = 60_000;

/** What stands behind a node's key. */
interface Entry {
  readonly node: MappedAddress;
  readonly opening: Promise<Door>;
  door: Door | undefined;
  /** Runs while no reply mentions the node. */
  leaving: Disposable | undefined;
}

/**
 * The local listeners of a cluster's nodes. Each node that a reply announces gets one, and keeps its port; a node that
 * has been gone from the topology for a while loses it.
 *
 * Nodes are told apart by where they are reached: on Azure a node comes back from a failover under another address but
 * is still reached at the endpoint, at its own port, and clients may keep their connections.
 */
export class NodeDoors {
  readonly #options: NodeDoorsOptions;
  readonly #ports: PortPool;
  readonly #entries = new Map<string, Entry>();
  readonly #graceMs: number;
  #isOpen = true;

  constructor(options: NodeDoorsOptions) {
    this.#options = options;
    this.#ports = new PortPool(options.ports);
    this.#graceMs = options.graceMs ?? GRACE_MS;
  }

  /** The doors that are open. */
  get open(): OpenDoor[] {
    return [...this.#entries.values()].flatMap(({ node, door }) => {
      return door === undefined ? [] : [{ node, port: door.port }];
    });
  }

  /** Opens doors that others have had, each at its port if that may be; clients that remember them come back there. */
  async reopen(doors: readonly OpenDoor[]): Promise<void> {
    const opening = doors.flatMap(({ node, port }) => {
      if (this.#entries.has(keyOf(node)) || !this.#ports.takeOne(port)) return [];
      return [this.#add(node, this.#openAt(node, port)).opening];
    });
    await Promise.allSettled(opening);
  }

  /**
   * The local ports of the nodes in a reply; a promise only when a door has to be opened first.
   *
   * @param isWhole whether the reply tells of every node, so that the others begin to be gone
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when there are not enough ports,
   * `ERR_PASSWORDLESS_CLOSED` for a node that is new after {@link close}, and what `open` throws
   */
  portsOf(nodes: readonly AnnouncedNode[], isWhole: boolean): LocalPort | Promise<LocalPort> {
    const entries = new Map<string, Entry>();
    for (const node of nodes) {
      const name = nameOf(node);
      if (!entries.has(name)) entries.set(name, this.#entryFor(node));
    }
    const mentioned = new Set(entries.values());
    for (const entry of mentioned) stay(entry);
    if (isWhole) for (const entry of this.#entries.values()) if (!mentioned.has(entry)) this.#leave(entry);
    const portOf: LocalPort = (node) => entries.get(nameOf(node))?.door?.port ?? 0;
    const opening = [...mentioned].filter(({ door }) => door === undefined);
    if (opening.length === 0) return portOf;
    return Promise.all(opening.map((entry) => entry.opening)).then(() => portOf);
  }

  /** Takes nobody in any more. Clients that are connected to nodes may go on following redirects between them. */
  async close(): Promise<void> {
    this.#isOpen = false;
    await Promise.allSettled([...this.#entries.values()].map((entry) => this.#shut(entry)));
  }

  #entryFor(node: AnnouncedNode): Entry {
    const { otherHost } = node;
    const address = this.#reached({ host: node.host, port: node.port });
    const known = this.#entries.get(keyOf(address));
    if (known !== undefined) return known;
    const other = otherHost === undefined ? undefined : this.#reached({ host: otherHost, port: node.port });
    return (other && this.#entries.get(keyOf(other))) ?? this.#add(address, this.#open(address));
  }

  #reached(announced: NodeAddress): MappedAddress {
    return this.#options.addressMap?.(announced) ?? announced;
  }

  #add(node: MappedAddress, opening: Promise<Door>): Entry {
    const key = keyOf(node);
    const entry: Entry = { node, opening, door: undefined, leaving: undefined };
    this.#entries.set(key, entry);
    opening.then(
      (door) => {
        entry.door = door;
      },
      // The next reply that mentions the node tries again.
      () => {
        stay(entry);
        this.#entries.delete(key);
      },
    );
    return entry;
  }

  async #open(node: MappedAddress): Promise<Door> {
    if (!this.#isOpen) throw closedError();
    if (this.#entries.size >= MOST_DOORS) throw new Error(`The cluster has more than ${MOST_DOORS} nodes`);
    // As often as there are ports: others may listen on some of them.
    for (let left = Math.max(this.#ports.size, 1); left > 0; left -= 1) {
      const port = this.#ports.take();
      if (port === undefined) break;
      try {
        return await this.#openAt(node, port);
      } catch (error) {
        if (port === 0 || !isInUse(error)) throw error;
      }
    }
    throw noPortError(this.#ports.label, this.#entries.size);
  }

  async #openAt(node: MappedAddress, port: number): Promise<Door> {
    try {
      return await this.#options.open(node, port);
    } catch (error) {
      this.#ports.giveBack(port);
      throw error;
    }
  }

  #leave(entry: Entry): void {
    if (!this.#isOpen) return;
    entry.leaving ??= this.#options.clock.schedule(() => {
      this.#entries.delete(keyOf(entry.node));
      void this.#shut(entry);
    }, this.#graceMs);
  }

  async #shut(entry: Entry): Promise<void> {
    stay(entry);
    const door = await entry.opening.catch(() => undefined);
    if (door === undefined) return;
    await door.close();
    this.#ports.giveBack(door.port);
  }
}

function stay(entry: Entry): void {
  entry.leaving?.[Symbol.dispose]();
  entry.leaving = undefined;
}

function nameOf({ host, port, otherHost = "" }: AnnouncedNode): string {
  return `${host} ${port} ${otherHost}`;
}

/** Names of hosts mean the same in any case. */
function keyOf({ host, port, servername = "" }: MappedAddress): string {
  return `${host} ${port} ${servername}`.toLowerCase();
}

/** Whether somebody else listens on a port. */
export function isInUse(error: unknown): boolean {
  const cause = PasswordlessError.is(error) ? error.cause : error;
  return cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
}

function noPortError(range: string | undefined, nodes: number): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message: `None of the ports ${range} is free for another node of the cluster, which has ${nodes} by now.`,
    remedy:
      "Give `--node-ports` one port for each node, replicas included, and a few more for nodes to come.",
    details: { option: "nodePorts", nodes },
  });
}

function closedError(): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLOSED", {
    message: "The proxy is closing.",
    remedy: "Connect again when it is back.",
    retryable: true,
  });
}
