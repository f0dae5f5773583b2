import type { Clock } from "../../core/clock.js";
import type { ChannelListeners, ClusterCore, NodeClient } from "./cluster-core.js";

/** The pause before the next attempt to subscribe, in milliseconds. */
const PAUSE_MS = 500;

/** What a client emits when the server has taken a channel from it, with the listeners that it had. */
const MOVED = "sharded-channel-moved";

/** The sharded channels of one connection, with their listeners. */
interface Subscriptions {
  readonly client: NodeClient;
  readonly channels: readonly (readonly [string, ChannelListeners])[];
}

/**
 * Moves sharded subscriptions to the new nodes of a cluster. node-redis 6 does it by itself; node-redis 5 listens to
 * another event than its clients emit, and forgets the subscriptions of a node that has gone.
 */
export class ShardedSubscriptions {
  readonly #core: ClusterCore;
  readonly #clock: Clock;

  constructor(core: ClusterCore, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
  }

  /** Listens to the subscribers that nobody listens to. */
  followAll(): void {
    for (const { pubSub } of this.#core.masters) {
      const client = pubSub?.client;
      if (client === undefined || client.listenerCount(MOVED) > 0) continue;
      client.on(MOVED, (channel: string, listeners: ChannelListeners) => {
        void this.#follow(client, channel, listeners);
      });
    }
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
      if (client.isOpen) continue;
      for (const [channel, listeners] of channels) void this.#subscribe(channel, listeners);
    }
  }

  async #follow(client: NodeClient, channel: string, listeners: ChannelListeners): Promise<void> {
    await this.#rediscover(client);
    await this.#subscribe(channel, listeners);
  }

  async #subscribe(channel: string, listeners: ChannelListeners): Promise<void> {
    while (this.#core.isOpen) {
      let client: NodeClient | undefined;
      try {
        client = await this.#core._slots.getShardedPubSubClient?.(channel);
        // One that was closed while it connected would never answer.
        if (client?.isOpen === true) {
          await client.extendPubSubChannelListeners?.("SHARDED", channel, listeners);
          return;
        }
      } catch {
        // The node is gone, or no longer the channel's.
      }
      await this.#pause();
      await this.#rediscover(client);
    }
  }

  /** What fails is emitted by the cluster itself. */
  async #rediscover(client: NodeClient | undefined): Promise<void> {
    if (!this.#core.isOpen) return;
    await this.#core._slots.rediscover(client).catch(() => {});
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.schedule(resolve, PAUSE_MS);
    });
  }
}
