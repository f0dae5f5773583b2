import type { EmulatorEvent, FailoverOptions, MaintenanceEvent } from "./api.js";
import type { Gateway } from "./gateway/gateway.js";
import { type Announcement, announcedAddress, type RunningCluster } from "./redis-server/redis-server.js";

export interface FailoversOptions {
  readonly cluster: RunningCluster;
  readonly gateway: Gateway;
  readonly announcement: Announcement;
  /** The name by which nodes are announced that do so by name. */
  readonly hostName: string;
  now(): number;
  onEvent(event: EmulatorEvent): void;
  publishMaintenance(event: MaintenanceEvent): Promise<void>;
}

interface Plan {
  readonly from: number;
  readonly to: number;
  readonly kind: "planned" | "unplanned";
  readonly hasNewAddress: boolean;
}

const KINDS: ReadonlySet<string> = new Set(["planned", "unplanned"]);

/** Moves masters from one node to another, as Azure does when it maintains a node or loses one. */
export class Failovers {
  readonly #options: FailoversOptions;
  /** How often a node has got an address that none had before. */
  #moves = 0;

  constructor(options: FailoversOptions) {
    this.#options = options;
  }

  /** @returns indexes of the node that was the master and of the one that is now. */
  async failover(options: FailoverOptions): Promise<{ readonly from: number; readonly to: number }> {
    const plan = this.#plan(options);
    const { cluster, gateway } = this.#options;
    const { from, to, kind } = plan;
    const announce = async (...types: readonly MaintenanceEvent["type"][]): Promise<void> => {
      if (options.announceMaintenance !== true) return;
      for (const type of types) await this.#publish(type, from);
    };

    this.#report(kind, "started", from);
    await announce("NodeMaintenanceStarting");
    // While it is a replica still: whoever hears of the new master hears of its new address.
    if (plan.hasNewAddress) await this.#move(to);
    await announce("NodeMaintenanceStart");
    if (kind === "planned") {
      await cluster.promote(to);
    } else {
      await cluster.replaceFailed(from, to, () => gateway.closeNode(from));
    }
    this.#report(kind, "promoted", to);
    await cluster.settled();
    if (kind === "planned") gateway.disconnect(from);
    await announce("NodeMaintenanceFailoverComplete", "NodeMaintenanceEnded");
    this.#report(kind, "ended", to);
    return { from, to };
  }

  async revive(node: number): Promise<void> {
    const { cluster, gateway } = this.#options;
    assertNode(node, cluster.members.length);
    cluster.assertOpen();
    const { server } = cluster.members[node]!;
    if (server.isRunning) throw new Error(`Node ${node} runs; only a node that was killed can be revived.`);
    await server.start();
    await cluster.rejoined(node);
    await gateway.reopenNode(node);
  }

  #plan({ node, kind = "planned", newAddress }: FailoverOptions): Plan {
    const { cluster, announcement } = this.#options;
    if (!KINDS.has(kind)) {
      throw new RangeError(`"kind" must be "planned" or "unplanned"; got ${JSON.stringify(kind)}.`);
    }
    if (newAddress === true && announcement === "hostname") {
      throw new RangeError(
        '"newAddress" needs nodes that are announced by address; start the cluster with `announce: "ip"` or ' +
          '`announce: "unreachableIp"`.',
      );
    }
    cluster.assertOpen();
    const masters = cluster.members.flatMap(({ server }, index) =>
      cluster.isMaster(index) && server.isRunning ? [index] : [],
    );
    const from = node ?? masters[0]!;
    if (!masters.includes(from)) {
      throw new RangeError(`"node" must be the index of a master: ${masters.join(", ")}; got ${from}.`);
    }
    const [to] = cluster.replicasOf(from);
    if (to === undefined) {
      throw new Error(
        `Node ${from} has no replica that runs. Start the cluster with \`replicas: 1\` or more, and revive the ` +
          "nodes that were killed.",
      );
    }
    return { from, to, kind, hasNewAddress: newAddress ?? announcement !== "hostname" };
  }

  async #move(node: number): Promise<void> {
    const { cluster, announcement, hostName } = this.#options;
    this.#moves++;
    const address = announcedAddress(announcement, this.#moves, hostName);
    if (announcement === "ip") await this.#listenAlso(node, address);
    await cluster.moveTo(node, address);
  }

  async #listenAlso(node: number, address: string): Promise<void> {
    try {
      await this.#options.gateway.listenAlso(node, address);
    } catch (cause) {
      // Without a code it is not the system's: the gateway is closed.
      if (!(cause instanceof Error && "code" in cause)) throw cause;
      throw new Error(
        `The gateway of node ${node} cannot listen on ${address}. Linux and Windows have all of 127.0.0.0/8; on ` +
          `macOS add the address (\`sudo ifconfig lo0 alias ${address}\`), or set \`newAddress: false\`.`,
        { cause },
      );
    }
  }

  async #publish(type: MaintenanceEvent["type"], node: number): Promise<void> {
    // It is about the node that was the master; in the end that is a replica.
    await this.#options.publishMaintenance({ type, node, isReplica: type === "NodeMaintenanceEnded" });
  }

  #report(kind: Plan["kind"], phase: "started" | "promoted" | "ended", node: number): void {
    this.#options.onEvent({ type: "failover", atMs: this.#options.now(), kind, phase, node });
  }
}

/** @throws {RangeError} when there is no node of this index. */
export function assertNode(node: number, count: number): void {
  if (Number.isInteger(node) && node >= 0 && node < count) return;
  const accepted = count === 1 ? "0, there is only one node" : `an index from 0 to ${count - 1}`;
  throw new RangeError(`"node" must be ${accepted}; got ${node}.`);
}
