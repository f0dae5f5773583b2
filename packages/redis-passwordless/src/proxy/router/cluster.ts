import { type Clock, systemClock } from "../../core/clock.js";
import { decodeReply } from "../../inband/reply.js";
import type { NodeAddress } from "../../topology/address-map.js";
import { TOPOLOGY_QUESTION } from "../../topology/topology.js";
import { COMMANDS_QUESTION, CommandTable } from "../shared/command-table.js";
import type { Server } from "../shared/pinned-channel.js";
import { Pool, type PoolOptions } from "../shared/pool.js";
import { Pooling } from "../shared/pooling.js";
import { Routes } from "./route.js";
import { type NodeName, nameOf, SlotMap } from "./slot-map.js";

export interface ClusterOptions {
  /** Where the cluster is first asked for its nodes. */
  readonly endpoint: NodeAddress;
  /**
   * Makes the server of a node, by the address that the cluster announces: where it is reached, and by which name its
   * certificate is verified, is decided here.
   */
  readonly server: (node: NodeAddress) => Server;
  /** For the pools of the nodes. */
  readonly pool: Omit<PoolOptions, "server">;
  readonly clock?: Clock;
}

/** A node and the connections to it. */
export interface ClusterNode {
  readonly address: NodeAddress;
  readonly pool: Pool;
}

/** Redirections come in crowds, and one look at the map is enough for them all, in milliseconds. */
const LOOK_AGAIN_AFTER_MS = 100;
/** A node that serves nothing any more keeps its connections for this long, in milliseconds. */
const FAREWELL_MS = 10_000;

/** The nodes of a cluster, and which of them serves which slot. */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #clock: Clock;
  readonly #nodes = new Map<NodeName, ClusterNode>();
  readonly #leaving = new Map<NodeName, Disposable>();
  #map: SlotMap;
  #version = 0;
  #loading: Promise<void> | undefined;
  #looking: Promise<void> | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #routes: Routes | undefined;
  #isClosed = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#map = SlotMap.single(options.endpoint);
  }

  /** Grows whenever a slot is served by another node. */
  get version(): number {
    return this.#version;
  }

  get clock(): Clock {
    return this.#clock;
  }

  /** How commands find their way; there once {@link ready} has resolved. */
  get routes(): Routes {
    return (this.#routes ??= new Routes(CommandTable.known(), new Pooling(CommandTable.known())));
  }

  /** The nodes that serve slots. */
  get masters(): readonly ClusterNode[] {
    return this.#map.masters.map((address) => this.node(address));
  }

  /** The node of a slot; where nobody serves it, and for what has no slot, the one of the first slot. */
  nodeOf(slot: number | undefined): ClusterNode {
    const address = this.#map.nodeOf(slot ?? 0) ?? this.#map.nodeOf(0) ?? this.#map.masters[0];
    return this.node(address ?? this.#options.endpoint);
  }

  /** A node by its address. */
  node(address: NodeAddress): ClusterNode {
    const name = nameOf(address);
    const known = this.#nodes.get(name);
    if (known !== undefined) return known;
    const pool = new Pool({ ...this.#options.pool, server: this.#options.server(address) });
    const node = { address, pool };
    this.#nodes.set(name, node);
    return node;
  }

  /**
   * Resolves once the nodes and the commands of the cluster are known.
   *
   * @throws {PasswordlessError} why the endpoint cannot be asked
   */
  ready(): Promise<void> {
    return (this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    }));
  }

  /** A node has said where a slot is; the other slots are asked for. */
  moved(slot: number, to: NodeAddress): void {
    const known = this.#map.nodeOf(slot);
    if (known === undefined || nameOf(known) !== nameOf(to)) this.#take(this.#map.with(slot, to));
    void this.look();
  }

  /** Asks for the map, unless that has just been done; resolves when it is known. */
  look(): Promise<void> {
    if (this.#looking === undefined) {
      const waitMs = this.#lookedAtMs + LOOK_AGAIN_AFTER_MS - this.#clock.now();
      this.#looking = this.#pause(waitMs)
        .then(() => this.#look())
        .finally(() => {
          this.#lookedAtMs = this.#clock.now();
          this.#looking = undefined;
        });
    }
    return this.#looking;
  }

  close(): void {
    this.#isClosed = true;
    for (const plan of this.#leaving.values()) plan[Symbol.dispose]();
    for (const { pool } of this.#nodes.values()) pool.close();
    this.#nodes.clear();
  }

  async #load(): Promise<void> {
    const { endpoint } = this.#options;
    const connection = await this.node(endpoint).pool.get(2);
    const [commands, slots] = await Promise.all([
      connection.ask(...COMMANDS_QUESTION),
      connection.ask(...TOPOLOGY_QUESTION),
    ]);
    const table = commands === undefined ? CommandTable.known() : CommandTable.from(decodeReply(commands));
    this.#routes = new Routes(table, new Pooling(table));
    // One that is no cluster says so.
    const map = slots === undefined ? undefined : SlotMap.from(decodeReply(slots), endpoint);
    if (map !== undefined) this.#take(map);
  }

  /** Asks one node after the other; when none answers, the map stays. */
  async #look(): Promise<void> {
    const asked = [...this.#map.masters, this.#options.endpoint];
    for (const address of asked) {
      if (this.#isClosed) return;
      const answer = await this.node(address)
        .pool.get(2)
        .then((connection) => connection.ask(...TOPOLOGY_QUESTION))
        .catch(() => undefined);
      const map = answer === undefined ? undefined : SlotMap.from(decodeReply(answer), address);
      if (map === undefined) continue;
      this.#take(map);
      return;
    }
  }

  #take(map: SlotMap): void {
    if (this.#isClosed || map.equals(this.#map)) return;
    this.#map = map;
    this.#version += 1;
    const serving = new Set([...map.masters, this.#options.endpoint].map(nameOf));
    for (const name of this.#nodes.keys()) {
      if (serving.has(name)) this.#stay(name);
      else if (!this.#leaving.has(name)) {
        this.#leaving.set(
          name,
          this.#clock.schedule(() => this.#leave(name), FAREWELL_MS),
        );
      }
    }
  }

  #stay(name: NodeName): void {
    this.#leaving.get(name)?.[Symbol.dispose]();
    this.#leaving.delete(name);
  }

  #leave(name: NodeName): void {
    this.#leaving.delete(name);
    this.#nodes.get(name)?.pool.close();
    this.#nodes.delete(name);
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#clock.schedule(resolve, ms);
    });
  }
}
