import { once } from "node:events";
import { createServer, connect as dial, type Server, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { NodeRedisAdapter } from "../../../src/adapters/node-redis/index.js";
import { Cache, type Client, NODE_REDIS, ROTATIONS, TOKEN_LIFETIME_MS } from "../../support/cache.js";
import { record } from "../../support/record.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 30_000;

/** All connections log in at once after a rotation, so that the login of one tells the time of another's. */
const AT_ONCE = { identity: { managedIdentity: true, reauthenticationWindowMs: 1 } } as const;

/** Resolves when the first connection has logged in with the next token. */
async function nextLogin(cache: Cache): Promise<void> {
  await new Promise<void>((resolve) => {
    const listening = cache.identity.on("reauthenticated", () => {
      listening[Symbol.dispose]();
      resolve();
    });
  });
}

/** A TCP relay in front of a server, on a port of its own, which can go away and come back. */
class Relay {
  readonly #target: URL;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #port = 0;

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((near) => {
      const far = dial(Number(this.#target.port), this.#target.hostname);
      for (const [socket, peer] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => peer.destroy());
        socket.pipe(peer);
      }
    });
  }

  static async start(
    test: { onTestFinished(fn: () => Promise<void>): void },
    target: string,
  ): Promise<Relay> {
    const relay = new Relay(target);
    await relay.listen();
    test.onTestFinished(() => relay.stop());
    return relay;
  }

  get url(): string {
    return `rediss://${this.#target.hostname}:${this.#port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#port, this.#target.hostname);
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as { port: number }).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
    await closed;
  }
}

describe.concurrent.each(NODE_REDIS)("an attached client of %s", (name, redis) => {
  test(
    "BLPOP 0 across expiries returns the next element, as if nothing had happened",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const worker = cache.attached();
      const [producer] = await cache.connect(1);
      await worker.connect();
      const id = await worker.clientId();
      const popped = worker.blPop("queue", 0);
      await cache.rotations(ROTATIONS);
      await producer?.rPush("queue", "element");
      expect(await popped).toEqual({ key: "queue", element: "element" });
      record(`8 ${name} BLPOP`, {
        rotations: ROTATIONS,
        errors: cache.errors.length,
        evicted: cache.evictions(),
      });
      expect(cache.errors).toEqual([]);
      expect(cache.evictions()).toBe(0);
      expect(await worker.clientId()).toBe(id);
    },
    LONG,
  );

  test(
    "a queue consumed with BLPOP 0 loses nothing and delivers nothing twice",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const worker = cache.attached();
      const [producer] = await cache.connect(1);
      await worker.connect();
      const popped: string[] = [];
      const consuming = (async () => {
        for (;;) {
          const next = await worker.blPop("queue", 0);
          if (next?.element === "end") return;
          popped.push(next?.element ?? "null");
        }
      })();
      let pushed = 0;
      let isOver = false;
      const done = cache.rotations(ROTATIONS).finally(() => {
        isOver = true;
      });
      const { setInterval } = await import("node:timers/promises");
      for await (const _ of setInterval(7)) {
        await producer?.rPush("queue", String(pushed));
        pushed += 1;
        if (isOver) break;
      }
      await done;
      await producer?.rPush("queue", "end");
      await consuming;
      record(`8 ${name} queue`, { pushed, popped: popped.length });
      expect(popped).toEqual(Array.from({ length: pushed }, (_, index) => String(index)));
      expect(cache.errors).toEqual([]);
    },
    LONG,
  );

  test(
    "XREAD BLOCK 0 from $ delivers every entry that was added after the call",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const reader = cache.attached();
      const [writer] = await cache.connect(1);
      await reader.connect();
      await writer?.xAdd("stream", "*", { n: "before" });
      const reading = reader.xRead({ key: "stream", id: "$" }, { BLOCK: 0 });
      await cache.rotations(ROTATIONS);
      await writer?.xAdd("stream", "*", { n: "after" });
      const entries = (await reading) as { messages: { message: { n: string } }[] }[] | null;
      expect(entries?.[0]?.messages.map((entry) => entry.message.n)).toEqual(["after"]);
      record(`8 ${name} XREAD`, {
        rotations: ROTATIONS,
        errors: cache.errors.length,
        evicted: cache.evictions(),
      });
      expect(cache.errors).toEqual([]);
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "a finite timeout that reaches across an expiry ends when it should, with null",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const worker = cache.attached();
      await worker.connect();
      const seconds = (TOKEN_LIFETIME_MS / 1_000) * 1.4;
      const start = performance.now();
      expect(await worker.blPop("nothing", seconds)).toBeNull();
      const tookMs = performance.now() - start;
      expect(tookMs).toBeGreaterThanOrEqual(seconds * 1_000 - 5);
      expect(cache.errors).toEqual([]);
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "a hand-written MULTI … EXEC across a rotation has exactly its own replies; the login follows at once",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const client = cache.attached();
      await client.connect();
      for (let round = 0; round < 2; round += 1) {
        await client.sendCommand(["MULTI"]);
        await client.sendCommand(["SET", "key", String(round)]);
        await cache.rotations(1);
        await client.sendCommand(["INCR", "key"]);
        const loggedIn = new Promise((resolve) => cache.identity.on("reauthenticated", resolve));
        expect(await client.sendCommand(["EXEC"])).toEqual(["OK", round + 1]);
        await loggedIn;
      }
      record(`9 ${name}`, { transactions: 2, extraReplies: 0 });
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "many short hand-written transactions under rotations: not one has a foreign reply",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const client = cache.attached();
      await client.connect();
      let rounds = 0;
      const story = { isOver: false };
      const done = cache.rotations(ROTATIONS).finally(() => {
        story.isOver = true;
      });
      while (!story.isOver) {
        const multi = client.sendCommand(["MULTI"]);
        const set = client.sendCommand(["SET", "key", String(rounds)]);
        const get = client.sendCommand(["GET", "key"]);
        const exec = client.sendCommand(["EXEC"]);
        expect(await Promise.all([multi, set, get, exec])).toEqual([
          "OK",
          "QUEUED",
          "QUEUED",
          ["OK", String(rounds)],
        ]);
        rounds += 1;
      }
      await done;
      record(`9 ${name} short`, { rounds });
      expect(rounds).toBeGreaterThan(100);
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "DISCARD, an aborted transaction and a refused MULTI end the wait of the login as well",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const client = cache.attached();
      await client.connect();
      await client.sendCommand(["MULTI"]);
      await expect(client.sendCommand(["NO-SUCH-COMMAND"])).rejects.toThrow();
      await cache.rotations(1);
      const loggedIn = new Promise((resolve) => cache.identity.on("reauthenticated", resolve));
      await expect(client.sendCommand(["EXEC"])).rejects.toThrow("EXECABORT");
      await loggedIn;
      await client.sendCommand(["MULTI"]);
      await cache.rotations(1);
      expect(await client.sendCommand(["DISCARD"])).toBe("OK");
      await expect(client.sendCommand(["MULTI", "too", "many"])).rejects.toThrow();
      await cache.rotations(1);
      await new Promise((resolve) => cache.identity.on("reauthenticated", resolve));
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "an open transaction outlives the connection of the subscriptions, whose error the client emits",
    async (context) => {
      const cache = await Cache.start(context, redis, AT_ONCE);
      const client = cache.attached({ RESP: 2 });
      const [other] = await cache.connect(1);
      await client.connect();
      await client.subscribe("channel", () => {});
      await client.sendCommand(["MULTI"]);
      await client.sendCommand(["SET", "key", "1"]);
      const emitted = new Promise((resolve) => client.once("error", resolve));
      const list = (await other?.sendCommand(["CLIENT", "LIST"])) as string;
      const subscriber = list.split("\n").find((line) => / sub=1 /.test(line)) ?? "";
      await other?.sendCommand(["CLIENT", "KILL", "ID", /\bid=(\d+)/.exec(subscriber)?.[1] ?? ""]);
      await emitted;
      await nextLogin(cache);
      await other?.ping();
      expect(await client.sendCommand(["EXEC"])).toEqual(["OK"]);
    },
    LONG,
  );

  test(
    "a MULTI that was queued while offline begins its transaction on the next connection",
    async (context) => {
      const cache = await Cache.start(context, redis, AT_ONCE);
      const relay = await Relay.start(context, cache.azure.redis.url);
      const client = cache.attached({ url: relay.url, socket: { reconnectStrategy: () => 50 } });
      const [other] = await cache.connect(1);
      await client.connect();
      const lost = new Promise((resolve) => client.once("reconnecting", resolve));
      await relay.stop();
      await lost;
      const multi = client.sendCommand(["MULTI"]);
      await new Promise((resolve) => client.once("reconnecting", resolve));
      await relay.listen();
      expect(await multi).toBe("OK");
      await client.sendCommand(["SET", "key", "1"]);
      await nextLogin(cache);
      await other?.ping();
      expect(await client.sendCommand(["EXEC"])).toEqual(["OK"]);
    },
    LONG,
  );

  test(
    "a transaction ends with the connection on which it was begun: the login does not wait for an EXEC",
    async (context) => {
      const cache = await Cache.start(context, redis, AT_ONCE);
      const client = cache.attached();
      await client.connect();
      await client.sendCommand(["MULTI"]);
      const back = new Promise((resolve) => client.once("ready", resolve));
      cache.azure.redis.killConnections();
      await back;
      await nextLogin(cache);
      expect(await client.ping()).toBe("PONG");
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test("a blocking command waits for a transaction that was begun before its next slice", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = cache.attached();
    const [other] = await cache.connect(1);
    const connecting = client.connect();
    // Sent before the handshake: the first slice is a short one.
    const popped = client.blPop("queue", 0);
    await connecting;
    await client.sendCommand(["MULTI"]);
    await client.sendCommand(["SET", "key", "1"]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await client.sendCommand(["EXEC"])).toEqual(["OK"]);
    await other?.rPush("queue", "element");
    expect(await popped).toEqual({ key: "queue", element: "element" });
  });

  test("XREAD from $ waits for a transaction that began while `$` was looked up", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = cache.attached();
    const [other] = await cache.connect(1);
    await client.connect();
    const reading = client.xRead({ key: "stream", id: "$" }, { BLOCK: 0 });
    const multi = client.sendCommand(["MULTI"]);
    await multi;
    await client.sendCommand(["SET", "key", "1"]);
    expect(await client.sendCommand(["EXEC"])).toEqual(["OK"]);
    await other?.xAdd("stream", "*", { n: "after" });
    expect(await reading).toMatchObject([{ messages: [{ message: { n: "after" } }] }]);
  });

  test(
    "BLPOP 0 that was sent before the handshake is done gives way to logins as well",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const client = cache.attached();
      const [other] = await cache.connect(1);
      const connecting = client.connect();
      const popped = client.blPop("queue", 0);
      await connecting;
      await cache.rotations(ROTATIONS);
      await other?.rPush("queue", "element");
      expect(await popped).toEqual({ key: "queue", element: "element" });
      expect([cache.evictions(), cache.errors]).toEqual([0, []]);
    },
    LONG,
  );

  test("a blocking command sent before `connect`, or after the end, is refused as by node-redis", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = cache.attached();
    await expect(client.blPop("queue", 0)).rejects.toThrow("The client is closed");
    await client.connect();
    client.destroy();
    await expect(client.blPop("queue", 0)).rejects.toThrow("The client is closed");
  });

  test("an invalid timeout gets the answer of Redis, and a consumer may be called `block`", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = cache.attached();
    await client.connect();
    await expect(client.sendCommand(["BLPOP", "key", "abc"])).rejects.toThrow("timeout is not a float");
    await expect(client.sendCommand(["BLPOP", "key", "-1"])).rejects.toThrow("timeout is negative");
    await client.sendCommand(["XGROUP", "CREATE", "stream", "block", "$", "MKSTREAM"]);
    await client.sendCommand(["XADD", "stream", "*", "n", "1"]);
    const read = ["XREADGROUP", "GROUP", "block", "worker-1", "STREAMS", "stream", ">"];
    expect(await client.sendCommand(read)).not.toBeNull();
    expect(JSON.stringify(await client.sendCommand(["XINFO", "CONSUMERS", "stream", "block"]))).toContain(
      "worker-1",
    );
  });

  for (const options of [{}, { RESP: 2 }]) {
    for (const how of ["close", "destroy"] as const) {
      test(`${how} right after subscribe leaves no connection, ${JSON.stringify(options)}`, async (context) => {
        const cache = await Cache.start(context, redis);
        const client = cache.attached(options);
        await client.connect();
        const subscribed = client.subscribe("channel", () => {}).catch((error: Error) => error.message);
        await client[how]();
        // As unattached: `close` lets a subscription that is under way through, or it is refused; it never hangs.
        await subscribed;
        expect(cache.identity.status.connections).toBe(0);
        const again = cache.azure.events.length;
        await client.connect();
        expect(await client.ping()).toBe("PONG");
        const reconnected = cache.azure.events.slice(again).filter((event) => event.type === "connected");
        expect(reconnected).toHaveLength(1);
        expect(cache.identity.status.connections).toBe(1);
      });
    }
  }

  test("a client that is destroyed while its subscriber connects leaves nothing that tries on", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = cache.attached({ RESP: 2, socket: { reconnectStrategy: () => 1 } });
    await client.connect();
    const fault = cache.azure.redis.injectFault({ kind: "refuse" });
    const failed = new Promise((resolve) => client.once("error", resolve));
    const subscribed = client.subscribe("channel", () => {}).catch((error: Error) => error.message);
    await failed;
    client.destroy();
    expect(await subscribed).toMatch(/client is closed/i);
    fault.remove();
    const [other] = await cache.connect(1);
    expect(await other?.sendCommand(["CLIENT", "LIST"])).not.toMatch(/sub=1/);
    expect(cache.identity.status.connections).toBe(1);
  });

  for (const options of [{}, { RESP: 2 }]) {
    test(`subscribe before connect is served once connected, ${JSON.stringify(options)}`, async (context) => {
      const cache = await Cache.start(context, redis);
      const client = cache.attached(options);
      let deliver = (_: string): void => {};
      const delivered = new Promise<string>((resolve) => {
        deliver = resolve;
      });
      const subscribed = client.subscribe("channel", (message) => deliver(message));
      await client.connect();
      await subscribed;
      const [other] = await cache.connect(1);
      await other?.publish("channel", "message");
      expect(await delivered).toBe("message");
      await client.unsubscribe("channel");
    });
  }

  test("subscribe inside of an open MULTI waits for its end", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = cache.attached();
    await client.connect();
    await client.sendCommand(["MULTI"]);
    const subscribed = client.subscribe("channel", () => {});
    await client.sendCommand(["SET", "key", "1"]);
    expect(await client.sendCommand(["EXEC"])).toEqual(["OK"]);
    await subscribed;
  });

  test("an application without an `error` listener still has none", async (context) => {
    const cache = await Cache.start(context, redis);
    const client = redis.createClient(cache.adapter.client(cache.options()));
    cache.adapter.attach(client);
    expect(client.listenerCount("error")).toBe(0);
  });

  test(
    "its duplicates, and theirs, are attached as well; views share the transaction",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const client = cache.attached();
      const copy = cache.track(client.duplicate().duplicate() as Client);
      await copy.connect();
      const view = copy.withCommandOptions({});
      await view.sendCommand(["MULTI"]);
      await copy.sendCommand(["SET", "key", "1"]);
      await cache.rotations(1);
      expect(await copy.sendCommand(["EXEC"])).toEqual(["OK"]);
      expect(await copy.get("key")).toBe("1");
    },
    LONG,
  );

  test(
    "made without `passwordless`, it logs in all the same",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const client = cache.track(redis.createClient(cache.options()) as unknown as Client);
      cache.adapter.attach(client);
      await client.connect();
      expect(await client.ping()).toBe("PONG");
      await cache.rotations(ROTATIONS);
      expect(await client.ping()).toBe("PONG");
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "a pool: members that block for ever, and transactions on a member, survive rotations",
    async (context) => {
      const cache = await Cache.start(context, redis);
      const pool = redis.createClientPool(cache.adapter.client(cache.options()), { minimum: 2, maximum: 4 });
      pool.on("error", (error: Error) => cache.errors.push(error));
      cache.adapter.attach(pool);
      await pool.connect();
      context.onTestFinished(async () => pool.destroy());
      const popped = pool.blPop("queue", 0);
      const executed = pool.execute(async (client) => {
        await client.sendCommand(["MULTI"]);
        await client.sendCommand(["INCR", "n"]);
        await cache.rotations(1);
        return client.sendCommand(["EXEC"]);
      });
      expect(await executed).toEqual([1]);
      await cache.rotations(ROTATIONS - 1);
      await pool.rPush("queue", "element");
      expect(await popped).toEqual({ key: "queue", element: "element" });
      expect([cache.evictions(), cache.errors]).toEqual([0, []]);
    },
    LONG,
  );
});

test("what is no client is refused by name", async (context) => {
  const cache = await Cache.start(context, NODE_REDIS[0][1]);
  for (const nonsense of [null, undefined, {}, "client", 1]) {
    expect(() => cache.adapter.attach(nonsense)).toThrow(
      /`client` accepts what `createClient`, `createClientPool` or `createCluster`/,
    );
  }
});

test.each(NODE_REDIS)("a sentinel is refused with the way around, %s", async (_name, redis) => {
  const adapter = new NodeRedisAdapter(() => {
    throw new Error("not needed");
  });
  const sentinel = redis.createSentinel({
    name: "mymaster",
    sentinelRootNodes: [{ host: "localhost", port: 1 }],
  });
  expect(() => adapter.attach(sentinel)).toThrow(/createSentinel.*attach a client of their own/s);
});
