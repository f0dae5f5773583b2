import { setTimeout as sleep } from "node:timers/promises";
import type { RedisBackend } from "./backend.js";
import { disagreement, type Member, runningReplicas } from "./cluster-members.js";
import { knows, ownPlace } from "./cluster-view.js";
import type { StartedRedisServer } from "./start-redis-server.js";

/** How long the nodes may take to agree. After a start they wait for 2 s before they serve (CLUSTER_WRITABLE_DELAY). */
const UP_TIMEOUT_MS = 30_000;

/**
 * After so long without an answer a node counts as failed. Twice in this time each node tells each other one its
 * name. A machine that is busy must not be taken for a failure, so there is ample time where nothing changes, and
 * little of it where the nodes have something to tell, or a failure to find.
 */
const CALM_NODE_TIMEOUT_MS = 5_000;
const BUSY_NODE_TIMEOUT_MS = 1_000;

/** A failover that a replica was told to make is given up after 5 s (CLUSTER_MF_TIMEOUT), silently. */
const MANUAL_FAILOVER_MS = 6_000;

/** How often a node is asked. */
const POLL_MS = 20;

/** The nodes of a cluster: what they are, and what can be done to them, one thing after the other. */
export class RunningCluster implements RedisBackend {
  readonly members: readonly Readonly<Member>[];
  readonly #members: readonly Member[];
  #restarting: Promise<void> | undefined;
  #isClosed = false;

  constructor(members: readonly Member[]) {
    this.#members = members;
    this.members = members;
  }

  get cluster(): RunningCluster {
    return this;
  }

  get servers(): readonly StartedRedisServer[] {
    return this.#members.map(({ server }) => server);
  }

  /** What a replica logs in with at its master; `undefined` where there is none. */
  get replication(): { readonly user: string; readonly password: string } | undefined {
    const replica = this.#members.find(({ master }, index) => master !== index);
    return replica && { user: "default", password: replica.server.password };
  }

  /** @throws {Error} when it is closed. */
  assertOpen(): void {
    if (this.#isClosed) throw new Error("The Redis cluster is closed.");
  }

  isMaster(node: number): boolean {
    return this.#at(node).master === node;
  }

  /** Replicas of a master that run. */
  replicasOf(node: number): readonly number[] {
    return runningReplicas(this.#members, node);
  }

  async announce(ports: readonly number[]): Promise<void> {
    // The nodes talk on their bus ports; this one is for clients, and for replicas.
    await Promise.all(
      this.#members.map(async (member, index) => {
        const port = ports[index]!;
        await member.server.configure("cluster-announce-port", String(port));
        member.announced = { ...member.announced, port };
      }),
    );
    await this.#whileBusy(async () => {
      await this.#introduce();
      await Promise.all(this.#members.map((_, index) => this.#follow(index)));
      await this.#up();
    });
  }

  async restart(): Promise<void> {
    this.assertOpen();
    this.#restarting ??= this.#restart().finally(() => {
      this.#restarting = undefined;
    });
    await this.#restarting;
  }

  async close(): Promise<void> {
    await this.#restarting?.catch(() => undefined);
    this.#isClosed = true;
    await Promise.all(this.servers.map((server) => server.close()));
  }

  /** Sends clients that want this node elsewhere from now on; resolves when all nodes do. */
  async moveTo(node: number, host: string): Promise<void> {
    const member = this.#at(node);
    await this.#whileBusy(async () => {
      await member.server.configure("cluster-announce-hostname", host);
      member.announced = { ...member.announced, host };
      await this.#up();
    });
  }

  /** Makes a replica take its master's place, without loss; resolves when it has. */
  async promote(node: number): Promise<void> {
    const member = this.#at(node);
    const { server } = member;
    await this.#whileBusy(async () => {
      let askedAtMs = -Infinity;
      await this.#until(
        () => `its node at port ${server.port} does not become a master`,
        async () => {
          if (performance.now() - askedAtMs > MANUAL_FAILOVER_MS) {
            await server.command("CLUSTER", "FAILOVER");
            askedAtMs = performance.now();
          }
          return this.#isMasterByItself(node);
        },
      );
      member.master = node;
    });
  }

  /**
   * Kills a master; the others find out and elect the replica, which alone is allowed to take its place. Resolves
   * when it has.
   */
  async replaceFailed(failing: number, successor: number, whenKilled: () => Promise<void>): Promise<void> {
    const { server } = this.#at(successor);
    await this.#whileBusy(async () => {
      await server.command("CONFIG", "SET", "cluster-replica-no-failover", "no");
      try {
        await Promise.all([this.#at(failing).server.kill(), whenKilled()]);
        await this.#until(
          () => `its node at port ${server.port} is not elected`,
          () => this.#isMasterByItself(successor),
        );
      } finally {
        await server.command("CONFIG", "SET", "cluster-replica-no-failover", "yes");
      }
      this.#at(successor).master = successor;
      // It cannot be asked; when it comes back it follows its successor.
      this.#at(failing).master = successor;
    });
  }

  /** Resolves when all nodes that run agree about the places of all of them, and serve all slots. */
  async settled(): Promise<void> {
    await this.#whileBusy(() => this.#up());
  }

  /** Resolves when a node that has been started again replicates the master that has its slots now. */
  async rejoined(node: number): Promise<void> {
    await this.#whileBusy(async () => {
      await this.#until(
        () => `its node at port ${this.#at(node).server.port} follows nobody`,
        async () => {
          const role = await this.#at(node).server.command("ROLE");
          // "slave", host, port, state, offset
          return Array.isArray(role) && role[0] === "slave" && role[3] === "connected";
        },
      );
      await this.#up();
    });
  }

  async #restart(): Promise<void> {
    await Promise.all(this.#running().map(({ server }) => server.restart()));
    await this.#up();
  }

  /** Everybody meets everybody, which is sooner done than gossip. */
  async #introduce(): Promise<void> {
    const meetings = this.servers.flatMap((server, index) =>
      this.servers
        .slice(index + 1)
        .map(({ host, port, busPort }) =>
          server.command("CLUSTER", "MEET", host, String(port), String(busPort)),
        ),
    );
    await Promise.all(meetings);
  }

  /** Makes a node the replica that it is meant to be, as soon as it knows its master. */
  async #follow(node: number): Promise<void> {
    const { server, master } = this.#at(node);
    if (master === node) return;
    const { id } = this.#at(master);
    await this.#until(
      () => `its node at port ${server.port} does not get to know its master`,
      async () => knows(String(await server.command("CLUSTER", "NODES")), id),
    );
    await server.command("CLUSTER", "REPLICATE", id);
  }

  async #isMasterByItself(node: number): Promise<boolean> {
    const nodes = String(await this.#at(node).server.command("CLUSTER", "NODES"));
    return ownPlace(nodes).masterId === undefined;
  }

  /** Waits until all nodes that run tell clients the same, which is what each of them says about itself. */
  async #up(): Promise<void> {
    let missing: string | undefined;
    await this.#until(
      () => missing ?? "it does not answer",
      async () => {
        missing = await disagreement(this.#members);
        return missing === undefined;
      },
    );
  }

  /** Lets the nodes talk often while `action` goes on. */
  async #whileBusy(action: () => Promise<void>): Promise<void> {
    await this.#setNodeTimeout(BUSY_NODE_TIMEOUT_MS);
    try {
      await action();
    } finally {
      await this.#setNodeTimeout(CALM_NODE_TIMEOUT_MS).catch((error: unknown) => {
        if (!this.#isClosed) throw error;
      });
    }
  }

  async #setNodeTimeout(timeoutMs: number): Promise<void> {
    await Promise.all(
      this.#running().map(({ server }) => server.configure("cluster-node-timeout", String(timeoutMs))),
    );
  }

  /** @param complaint names what is wrong when it takes too long */
  async #until(complaint: () => string, isDone: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + UP_TIMEOUT_MS;
    while (!(await isDone())) {
      this.assertOpen();
      if (performance.now() > deadline) {
        throw new Error(`The Redis cluster does not come up: ${complaint()}.`);
      }
      await sleep(POLL_MS);
    }
  }

  #running(): readonly Member[] {
    return this.#members.filter(({ server }) => server.isRunning);
  }

  #at(node: number): Member {
    return this.#members[node]!;
  }
}
