import { expect, test } from "vitest";
import { ChannelSubscriptions } from "../../src/adapters/node-redis/channel-subscriptions.js";
import type { ClusterCore, NodeClient, SubscriberNode } from "../../src/adapters/node-redis/cluster-core.js";
import { ManualClock } from "../../src/testing/index.js";

const LISTENER = () => {};

/** A connection with one subscription; what the cluster does with it, the tests tell. */
class FakeClient {
  isOpen = true;
  isReady: boolean;

  constructor(isReady: boolean) {
    this.isReady = isReady;
  }

  destroy(): void {
    this.isOpen = false;
  }

  getPubSubListeners(type: string): ReadonlyMap<string, object> {
    const listeners = { buffers: new Set(), strings: new Set([LISTENER]) };
    return new Map(type === "CHANNELS" ? [["news", listeners]] : []);
  }
}

/** A cluster with a subscriber on `10.0.0.1`, whose next subscribers are on these nodes, in turn. */
function clusterWith(next: readonly { readonly isReachable: boolean }[] = []) {
  const client = new FakeClient(true);
  const subscriber = nodeOf("10.0.0.1:1", client);
  const nodeByAddress = new Map([[subscriber.address, {}]]);
  const chosen: FakeClient[] = [];
  const subscribed: unknown[][] = [];
  const core = {
    isOpen: true,
    masters: [{ address: "10.0.0.2:1" }],
    _slots: { pubSubNode: subscriber as SubscriberNode | undefined, nodeByAddress },
    subscribe: async (...args: unknown[]) => {
      const { isReachable } = next[chosen.length]!;
      const made = new FakeClient(isReachable);
      chosen.push(made);
      core._slots.pubSubNode = nodeOf(`10.0.0.2:${chosen.length}`, made);
      if (!isReachable) await new Promise(() => {});
      subscribed.push(args);
    },
  };
  const clock = new ManualClock();
  const subscriptions = new ChannelSubscriptions(core as unknown as ClusterCore, clock);
  return { core, client, nodeByAddress, chosen, subscribed, clock, subscriptions };
}

function nodeOf(address: string, client: FakeClient): SubscriberNode {
  return { address, client: client as unknown as NodeClient };
}

test("to a search for nodes the subscriber seems to be on a node that is found", () => {
  const { core, client, subscriptions } = clusterWith();
  const addressNow = () => core._slots.pubSubNode?.address;
  const release = subscriptions.hold();
  expect(addressNow()).toBe("10.0.0.2:1");
  release();
  expect([addressNow(), client.isOpen]).toEqual(["10.0.0.1:1", true]);
});

test("so does one that is made during the search", () => {
  const { core, client, subscriptions } = clusterWith();
  const release = subscriptions.hold();
  core._slots.pubSubNode = nodeOf("10.0.0.9:1", client);
  expect(core._slots.pubSubNode.address).toBe("10.0.0.2:1");
  core._slots.nodeByAddress.set("10.0.0.9:1", {});
  release();
  expect(core._slots.pubSubNode?.address).toBe("10.0.0.9:1");
});

test("the subscriptions of a node that has gone are made at another", async () => {
  const { client, nodeByAddress, subscribed, clock, subscriptions } = clusterWith([{ isReachable: true }]);
  const release = subscriptions.hold();
  nodeByAddress.clear();
  release();
  await clock.advance(0);
  expect([client.isOpen, subscribed]).toEqual([false, [["news", LISTENER, false]]]);
});

test("a node that cannot be reached is given up for another", async () => {
  const next = [{ isReachable: false }, { isReachable: true }];
  const { nodeByAddress, chosen, subscribed, clock, subscriptions } = clusterWith(next);
  const release = subscriptions.hold();
  nodeByAddress.clear();
  release();
  await clock.advance(1_900);
  expect([chosen.map(({ isOpen }) => isOpen), subscribed]).toEqual([[true], []]);
  await clock.advance(300);
  expect(chosen.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  expect(subscribed).toEqual([["news", LISTENER, false]]);
});

test("a cluster that was closed meanwhile subscribes to nothing", async () => {
  const { core, nodeByAddress, subscribed, clock, subscriptions } = clusterWith();
  const release = subscriptions.hold();
  core.isOpen = false;
  nodeByAddress.clear();
  release();
  await clock.advance(5_000);
  expect(subscribed).toEqual([]);
});
