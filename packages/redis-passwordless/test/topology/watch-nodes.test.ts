import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { attachToCluster } from "../../src/adapters/node-redis/attach-cluster.js";
import { ManualClock } from "../../src/testing/index.js";

// How often a cluster is asked who has taken the place of a node: each time costs a connection, and Azure limits the
// rate of new ones.

function threeNodes() {
  const clients = [1, 2, 3].map((port) => ({ address: `10.0.0.1:${port}`, client: aClient() }));
  let looks = 0;
  const core = Object.assign(new EventEmitter(), {
    isOpen: true,
    masters: clients,
    replicas: [],
    _slots: {
      connect: async () => {},
      rediscover: async () => {
        looks += 1;
      },
    },
    _execute: async () => {},
    duplicate: () => {},
  });
  const cluster = Object.assign(core, { _self: core });
  const clock = new ManualClock();
  attachToCluster(cluster, clock);
  const lose = (index: number): void => {
    clients[index]!.client.isReady = false;
    cluster.emit("node-reconnecting");
  };
  const looksWithin = async (ms: number): Promise<number> => {
    const before = looks;
    await clock.advance(ms);
    return looks - before;
  };
  return { clients, cluster, clock, lose, looksWithin };
}

function aClient() {
  return { isOpen: true, isReady: true, destroy: () => {}, close: async () => {}, on: () => {} };
}

test("a node that is lost is asked for twice a second, as long as it may be a failover", async () => {
  const { lose, looksWithin } = threeNodes();
  lose(0);
  expect(await looksWithin(10_000)).toBe(20);
});

test("a node that stays away is asked for every ten seconds, however often its client tries", async () => {
  const { cluster, lose, looksWithin } = threeNodes();
  lose(0);
  await looksWithin(60_000);
  let looks = 0;
  for (let second = 0; second < 60; second += 1) {
    cluster.emit("node-reconnecting");
    looks += await looksWithin(1_000);
  }
  expect(looks).toBe(6);
});

test("another node that is lost meanwhile is asked for at once", async () => {
  const { lose, looksWithin } = threeNodes();
  lose(0);
  await looksWithin(120_000);
  lose(1);
  expect(await looksWithin(10_000)).toBe(20);
});

test("when all nodes are back nobody is asked, and the next loss is noticed", async () => {
  const { clients, clock, lose, looksWithin } = threeNodes();
  lose(0);
  await looksWithin(120_000);
  clients[0]!.client.isReady = true;
  await looksWithin(10_000);
  expect([await looksWithin(60_000), clock.pendingTimers]).toEqual([0, 0]);
  lose(0);
  expect(await looksWithin(10_000)).toBe(20);
});
