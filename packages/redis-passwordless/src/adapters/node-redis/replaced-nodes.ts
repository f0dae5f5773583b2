import type { Clock } from "../../core/clock.js";
import type { ClusterCore, NodeClient } from "./cluster-core.js";
import { NotSentError } from "./cluster-retries.js";

/** How long the last replies of a node that is replaced are waited for, in milliseconds. */
const DRAIN_MS = 2_000;

/** How often, in milliseconds, it is looked whether they are there. */
const LOOK_MS = 50;

/**
 * Lets connections go gently to nodes that have been replaced. node-redis destroys them as soon as the slots are
 * another's, and rejects everything that was on its way or waited.
 */
export class ReplacedNodes {
  readonly #core: ClusterCore;
  readonly #clock: Clock;
  readonly #guarded = new WeakSet<NodeClient>();

  constructor(core: ClusterCore, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
  }

  guardAll(): void {
    for (const { client } of [...this.#core.masters, ...this.#core.replicas]) {
      // One that has never been ready has nothing that waits: the cluster hands it out when it is.
      if (client?.isReady === true && !this.#guarded.has(client)) this.#guard(client);
    }
  }

  #guard(client: NodeClient): void {
    this.#guarded.add(client);
    const destroy = client.destroy.bind(client);
    // Between two connections nothing has been sent. While a connection logs in, what waited may have been.
    let isBetween = false;
    client.on("reconnecting", () => {
      isBetween = true;
    });
    client.on("connect", () => {
      isBetween = false;
    });
    const end = (): void => {
      if (this.#core.isOpen && isBetween) client._getQueue?.().flushAll?.(new NotSentError());
      destroy();
    };
    client.destroy = () => {
      client.destroy = destroy;
      this.#drain(client, () => isBetween, end);
    };
  }

  /**
   * What is on its way is answered still: with MOVED, by a node that has become a replica; also what waits for a
   * login that is under way, and may have been sent along with it. Not by `close()`: in
   * node-redis 5 nothing ends a client any more that has begun to close and waits for a reply.
   */
  #drain(client: NodeClient, isBetween: () => boolean, end: () => void): void {
    const endMs = this.#clock.now() + DRAIN_MS;
    const look = (): void => {
      // Somebody else may have ended it.
      if (!client.isOpen) return;
      const isWaiting = client._getQueue?.().isEmpty?.() === false;
      const isLate = this.#clock.now() >= endMs;
      if (isWaiting && !isBetween() && this.#core.isOpen && !isLate) this.#clock.schedule(look, LOOK_MS);
      else end();
    };
    look();
  }
}
