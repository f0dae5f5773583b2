import { describe, expect, test, vi } from "vitest";
import type { ClusterCore, NodeClient } from "../../src/adapters/node-redis/cluster-core.js";
import { ReplacedNodes } from "../../src/adapters/node-redis/replaced-nodes.js";
import { ManualClock } from "../../src/testing/index.js";
import { NODE_REDIS } from "../support/cache.js";
import { RedisProcess, type TestContext } from "../support/redis-processes.js";

describe.each(NODE_REDIS)("%s", (_, redis) => {
  /** A guarded client of a node that is still there, and what the server knows of it. */
  async function replacedNode(context: TestContext) {
    const server = await RedisProcess.start(context, { password: "pw" });
    const client = redis.createClient({ socket: { port: server.port }, password: "pw", name: "replaced" });
    client.on("error", () => {});
    await client.connect();
    context.onTestFinished(async () => {
      if (client.isOpen) client.destroy();
    });
    const clock = new ManualClock();
    const core = { isOpen: true, masters: [{ client }], replicas: [] };
    new ReplacedNodes(core as unknown as ClusterCore, clock).guardAll();
    const connections = async () =>
      String(await server.command("CLIENT", "LIST")).match(/name=replaced/g)?.length ?? 0;
    return { client: client as typeof client & NodeClient, clock, core, connections };
  }

  test("a command that blocks on a node that is replaced is rejected in the end, and its connection closed", async (context) => {
    const { client, clock, connections } = await replacedNode(context);
    const blocked = client.blPop("list", 0).catch((error: Error) => error.message);
    expect(client.isReady).toBe(true);
    await vi.waitFor(async () => expect(await connections()).toBe(1));
    client.destroy();
    await clock.advance(1_900);
    expect(await connections()).toBe(1);
    await clock.advance(200);
    expect(await blocked).toMatch(/disconnects/i);
    await vi.waitFor(async () => expect(await connections()).toBe(0));
  });

  test("what is on its way to a node that is replaced is answered, and then its connection is closed", async (context) => {
    const { client, clock, connections } = await replacedNode(context);
    const replies = Promise.all(Array.from({ length: 100 }, () => client.incr("counter")));
    client.destroy();
    expect((await replies).at(-1)).toBe(100);
    await clock.advance(100);
    await vi.waitFor(async () => expect(await connections()).toBe(0));
    expect(client.isOpen).toBe(false);
  });

  test("a cluster that is closed does not wait for the nodes that were replaced", async (context) => {
    const { client, clock, core, connections } = await replacedNode(context);
    const blocked = client.blPop("list", 0).catch((error: Error) => error.message);
    client.destroy();
    core.isOpen = false;
    await clock.advance(100);
    expect(await blocked).toMatch(/disconnects/i);
    await vi.waitFor(async () => expect(await connections()).toBe(0));
  });
});
