import type { ChannelListeners, ClusterCore, NodeClient } from "./cluster-core.js";

/** The sharded channels of one connection, with their listeners. */
interface Subscriptions {
  readonly client: NodeClient;
  readonly channels: readonly (readonly [string, ChannelListeners])[];
}

/**
 * Moves sharded subscriptions to the new nodes of a cluster. node-redis 6 does it by itself; node-redis 5 listens to
 * an event that its clients do not emit, and forgets the subscriptions of a node that has gone.
 */
export class ShardedSubscriptions {
  readonly #core: ClusterCore;

  constructor(core: ClusterCore) {
    this.#core = core;
  }

  /** What the nodes have now. */
  remember(): readonly Subscriptions[] {
    return this.#core.masters.flatMap(({ pubSub }) => {
      if (pubSub === undefined) return [];
      const listeners = pubSub.client.getPubSubListeners?.("SHARDED") ?? new Map();
      return listeners.size === 0 ? [] : [{ client: pubSub.client, channels: [...listeners] }];
    });
  }

  /** Subscribes again to what went with its node. */
  restore(remembered: readonly Subscriptions[]): void {
    for (const { client, channels } of remembered) {
      if (client.isOpen || !this.#core.isOpen) continue;
      for (const [channel, listeners] of channels) {
        this.#subscribe(channel, listeners).catch(() => {});
      }
    }
  }

  async #subscribe(channel: string, listeners: ChannelListeners): Promise<void> {
    const client = await this.#core._slots.getShardedPubSubClient?.(channel);
    await client?.extendPubSubChannelListeners?.("SHARDED", channel, listeners);
  }
}
