import type { Clock } from "../../core/clock.js";
import type { ChannelListeners, ClusterCore, SubscriberNode } from "./cluster-core.js";

/** After so long, in milliseconds, another node is chosen for the subscriptions. */
const PATIENCE_MS = 2_000;

/** The pause before the next attempt, in milliseconds, in which a destroyed client says so to the cluster. */
const PAUSE_MS = 100;

type Subscribe = () => Promise<unknown>;

/**
 * Moves the subscriptions of a cluster when their node has gone. By itself node-redis gives them to any other node and
 * waits until it is reached, within its search for nodes, so that a node that cannot be reached ends every search.
 */
export class ChannelSubscriptions {
  readonly #core: ClusterCore;
  readonly #clock: Clock;
  readonly #addresses = new WeakMap<SubscriberNode, string>();
  #searches = 0;

  constructor(core: ClusterCore, clock: Clock) {
    this.#core = core;
    this.#clock = clock;
    let current = core._slots.pubSubNode;
    if (current !== undefined) this.#watch(current);
    Object.defineProperty(core._slots, "pubSubNode", {
      configurable: true,
      enumerable: true,
      get: () => current,
      set: (node: SubscriberNode | undefined) => {
        if (node !== undefined) this.#watch(node);
        current = node;
      },
    });
  }

  /** Keeps the subscriber out of a search for nodes; call the result when that is over. */
  hold(): () => void {
    this.#searches += 1;
    return () => {
      this.#searches -= 1;
      this.#moveFromGone();
    };
  }

  /** During a search the subscriber seems to be on one of the nodes that are found. */
  #watch(node: SubscriberNode): void {
    const { address } = node;
    this.#addresses.set(node, address);
    Object.defineProperty(node, "address", {
      configurable: true,
      enumerable: true,
      get: () => (this.#searches > 0 ? (this.#core.masters[0]?.address ?? address) : address),
    });
  }

  #moveFromGone(): void {
    const slots = this.#core._slots;
    const node = slots.pubSubNode;
    if (node === undefined || !this.#core.isOpen) return;
    if (slots.nodeByAddress.has(this.#addresses.get(node) ?? node.address)) return;
    const subscriptions = this.#subscriptionsOf(node);
    slots.pubSubNode = undefined;
    if (node.client.isOpen) node.client.destroy();
    void this.#subscribe(subscriptions);
  }

  #subscriptionsOf({ client }: SubscriberNode): readonly Subscribe[] {
    const core = this.#core;
    return [
      ...each(client.getPubSubListeners?.("CHANNELS"), (...args) => core.subscribe(...args)),
      ...each(client.getPubSubListeners?.("PATTERNS"), (...args) => core.pSubscribe(...args)),
    ];
  }

  /** A listener that is there twice is called once, so that all of them may be repeated. */
  async #subscribe(subscriptions: readonly Subscribe[]): Promise<void> {
    while (this.#core.isOpen && subscriptions.length > 0) {
      const done = Promise.all(subscriptions.map((subscribe) => subscribe())).then(
        () => true,
        // Tried again, when it is time.
        () => this.#pause(PATIENCE_MS).then(() => false),
      );
      if (await Promise.race([done, this.#pause(PATIENCE_MS).then(() => false)])) return;
      this.#giveUpUnreached();
      await this.#pause(PAUSE_MS);
    }
  }

  #giveUpUnreached(): void {
    const slots = this.#core._slots;
    const node = slots.pubSubNode;
    if (node === undefined || node.client.isReady) return;
    slots.pubSubNode = undefined;
    if (node.client.isOpen) node.client.destroy();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.schedule(resolve, delayMs);
    });
  }
}

/** Each listener of each channel, as a call that subscribes it. */
function each(
  channels: ReadonlyMap<string, ChannelListeners> | undefined,
  subscribe: (channel: string, listener: unknown, isBuffer: boolean) => Promise<unknown>,
): Subscribe[] {
  return [...(channels ?? [])].flatMap(([channel, { buffers, strings }]) => [
    ...[...buffers].map((listener) => () => subscribe(channel, listener, true)),
    ...[...strings].map((listener) => () => subscribe(channel, listener, false)),
  ]);
}
