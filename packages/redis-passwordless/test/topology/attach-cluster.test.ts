import { describe, expect, test } from "vitest";
import { attachToCluster } from "../../src/adapters/node-redis/attach-cluster.js";
import { systemClock } from "../../src/core/clock.js";
import { NODE_REDIS } from "../support/cache.js";

/** What src/adapters/node-redis/cluster-core.ts and what is built on it use without it being public. */
describe.each(NODE_REDIS)("%s", (_, redis) => {
  const rootNodes = [{ socket: { host: "localhost", port: 1, reconnectStrategy: false as const } }];

  function cluster() {
    const created = redis.createCluster({ rootNodes });
    created.on("error", () => {});
    return created;
  }

  test("all views of a cluster share one instance, which sends every command", async () => {
    const created = cluster();
    const { _self: core } = created as unknown as {
      _self: { _execute(...args: unknown[]): Promise<unknown> };
    };
    const view = created.withCommandOptions({});
    expect((view as unknown as { _self: unknown })._self).toBe(core);
    const asked: unknown[][] = [];
    core._execute = async (...args) => {
      asked.push(args);
      return "answered";
    };
    expect(await view.get("key")).toBe("answered");
    expect(await created.sendCommand("key", true, ["GET", "key"])).toBe("answered");
    // The fifth argument of node-redis 6 is a client that the command is tied to.
    expect(asked.map((args) => args[4])).toEqual([undefined, undefined]);
  });

  test("the slots are read anew by `_slots.rediscover`, from the client that is passed first", async () => {
    const created = cluster();
    const { _slots: slots } = created as unknown as {
      _slots: { rediscover(client: object): Promise<void>; getShardedPubSubClient: unknown };
    };
    expect(slots.getShardedPubSubClient).toBeTypeOf("function");
    expect(slots).toMatchObject({ pubSubNode: undefined, nodeByAddress: new Map() });
    const tried: string[] = [];
    created.on("error", (error: NodeJS.ErrnoException & { port?: number }) => tried.push(`${error.port}`));
    const client = { options: { socket: { host: "127.0.0.1", port: 2, reconnectStrategy: false } } };
    await expect(slots.rediscover(client)).rejects.toThrow();
    expect(tried[0]).toBe("2");
  });

  test("a client rejects everything in its queue with the error that `_getQueue().flushAll` is given", async () => {
    const client = redis.createClient({
      socket: { host: "127.0.0.1", port: 2, reconnectStrategy: () => 10 },
    });
    client.on("error", () => {});
    const connecting = client.connect().catch(() => {});
    const waiting = client.get("key");
    const internal = client as unknown as { _getQueue(): { flushAll(error: Error): void } };
    internal._getQueue().flushAll(new Error("flushed"));
    await expect(waiting).rejects.toThrow("flushed");
    client.destroy();
    await connecting;
  });

  test("a client knows the listeners of its sharded channels, and takes those of another", () => {
    const client = redis.createClient();
    expect(client).toHaveProperty("extendPubSubChannelListeners");
    expect(client.getPubSubListeners("SHARDED").size).toBe(0);
    expect(client.listenerCount("sharded-channel-moved")).toBe(0);
  });

  test("a cluster is attached once, and its duplicates too", () => {
    const created = cluster();
    const { _self: core } = created as unknown as { _self: { _execute: unknown } };
    const original = core._execute;
    attachToCluster(created, systemClock);
    const attached = core._execute;
    attachToCluster(created, systemClock);
    expect([core._execute, attached === original]).toEqual([attached, false]);
    const copy = created.duplicate() as unknown as { _self?: object };
    expect(Object.hasOwn(copy._self ?? copy, "_execute")).toBe(true);
  });
});

test("what is no cluster of node-redis cannot be attached", () => {
  expect(() => attachToCluster({ on: () => {} }, systemClock)).toThrow(
    expect.objectContaining({ code: "ERR_PASSWORDLESS_CLIENT_UNSUPPORTED" }),
  );
});
