import { setInterval } from "node:timers/promises";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import {
  AT_ONCE,
  type Client,
  IOREDIS,
  IoCache,
  LONG,
  outcome,
  ROTATIONS,
  reconnected,
  type TestContext,
} from "../../support/io-cache.js";
import { record } from "../../support/record.js";

/** The two ways to write a transaction by hand. */
const BY_HAND = [
  ["multi({ pipeline: false })", (client: Client) => client.multi({ pipeline: false })],
  ['call("MULTI")', (client: Client) => client.call("MULTI")],
] as const;

describe.concurrent.each(IOREDIS)("hand-written transactions of %s", (name, lib) => {
  test(
    "across a rotation have exactly their own replies; the login follows at once",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const clients = await cache.connect(BY_HAND.length);
      for (let round = 0; round < 2; round += 1) {
        const open = BY_HAND.map(([, begin], index) => [begin, clients[index] as Client] as const);
        for (const [begin, client] of open) {
          expect(await begin(client)).toBe("OK");
          expect(await client.set("key", round)).toBe("QUEUED");
        }
        await cache.rotations(1);
        const loggedIn = cache.reauthenticated(open.length);
        for (const [, client] of open) {
          expect(await client.incr("key")).toBe("QUEUED");
          expect(await client.call("EXEC")).toEqual(["OK", round + 1]);
        }
        await loggedIn;
      }
      record(`ioredis 6 ${name} across rotations`, { transactions: 4, evicted: cache.evictions() });
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test(
    "many short ones, awaited and not, under rotations and other commands: not one has a foreign reply",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const [client, awaiting] = await cache.connect(2);
      if (client === undefined || awaiting === undefined) throw new Error("two clients were asked for");
      const story = { isOver: false };
      const done = cache.rotations(ROTATIONS).finally(() => {
        story.isOver = true;
      });
      let rounds = 0;
      const pipelined = (async () => {
        for await (const _ of setInterval(3)) {
          if (story.isOver) break;
          const key = `p:${rounds}`;
          const replies = await Promise.all([
            client.call("MULTI"),
            client.set(key, rounds),
            client.get(key),
            client.call("EXEC"),
            client.get(key),
            client.multi().incr(key).get(key).exec(),
            client.pipeline().incr(key).get(key).exec(),
          ]);
          expect(replies).toEqual([
            "OK",
            "QUEUED",
            "QUEUED",
            ["OK", String(rounds)],
            String(rounds),
            [
              [null, rounds + 1],
              [null, String(rounds + 1)],
            ],
            [
              [null, rounds + 2],
              [null, String(rounds + 2)],
            ],
          ]);
          rounds += 1;
        }
      })();
      let slow = 0;
      for await (const _ of setInterval(3)) {
        if (story.isOver) break;
        await awaiting.call("MULTI");
        await awaiting.set("slow", slow);
        await awaiting.get("slow");
        expect(await awaiting.call("EXEC")).toEqual(["OK", String(slow)]);
        slow += 1;
      }
      await done;
      await pipelined;
      record(`ioredis 6 ${name} short`, { rounds, slow });
      expect(Math.min(rounds, slow)).toBeGreaterThan(100);
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test(
    "DISCARD and an aborted transaction end the wait of the login as well; WATCH outlives a login",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const client = await cache.one();
      await client.call("MULTI");
      await expect(client.call("NO-SUCH-COMMAND")).rejects.toThrow("unknown command");
      await cache.rotations(1);
      let loggedIn = cache.reauthenticated();
      await expect(client.call("EXEC")).rejects.toThrow("EXECABORT");
      await loggedIn;
      await client.call("MULTI");
      await cache.rotations(1);
      loggedIn = cache.reauthenticated();
      expect(await client.call("DISCARD")).toBe("OK");
      await loggedIn;
      await client.watch("key");
      await cache.reauthenticated();
      await client.set("key", "changed");
      await client.call("MULTI");
      await client.get("key");
      expect(await client.call("EXEC")).toBeNull();
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test(
    "a MULTI that is refused, for its arguments or by the access policy, begins nothing: the next login comes in time",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const [wrong, forbidden] = await cache.connect(2);
      await expect(wrong?.call("MULTI", "too", "many")).rejects.toThrow("wrong number");
      await cache.azure.assign(cache.azure.systemIdentity.objectId, "Data Reader");
      await expect(forbidden?.multi({ pipeline: false })).rejects.toThrow("NOPERM");
      await cache.reauthenticated(2);
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test(
    "whose token ends before EXEC: nothing of them is applied, each command says so, and the next ones work",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const clients = await cache.connect(BY_HAND.length);
      const other = await cache.one();
      const open = BY_HAND.map(([how, begin], index) => [how, begin, clients[index] as Client] as const);
      for (const [how, begin, client] of open) {
        await begin(client);
        await client.set(`before ${how}`, "1");
      }
      const back = Promise.all(open.map(([, , client]) => reconnected(client)));
      await cache.evicted();
      await back;
      for (const [how, begin, client] of open) {
        const keys = [`before ${how}`, `after ${how}`, `counter ${how}`] as const;
        const after = [client.set(keys[1], "1"), client.incr(keys[2]), client.call("EXEC")];
        const outcomes = await Promise.all(after.map((reply) => outcome(reply)));
        record(`ioredis 6 ${name} ${how} across an expiry`, { outcomes });
        for (const one of outcomes) expect(one).toMatch(/EXECABORT/);
        expect(await other.exists(...keys)).toBe(0);
        expect(await client.incr(keys[2])).toBe(1);
        await begin(client);
        await client.incr(keys[2]);
        expect(await client.call("EXEC")).toEqual([2]);
      }
    },
    LONG,
  );

  test.for(["each awaited", "awaited before the cut", "not awaited"] as const)(
    "cut between two of their commands, %s: the whole transaction or an error, and never a part of it",
    { timeout: LONG },
    async (how, context) => {
      const cache = await IoCache.start(context, lib, { emulator: { tokenLifetimeMs: 60_000 } });
      const client = await cache.one({ retryStrategy: () => 1 });
      const admin = await connectTo(context, cache.azure.redis.backendUrl);
      const outcomes: unknown[] = [];
      for (let cutBefore = 0; cutBefore < 5; cutBefore += 1) {
        const [a, b] = [`a:${cutBefore}`, `b:${cutBefore}`];
        const steps = [
          () => client.call("MULTI"),
          () => client.set(a, "1"),
          () => client.incr(a),
          () => client.set(b, "1"),
          () => client.call("EXEC"),
        ];
        const replies: Promise<unknown>[] = [];
        let back: Promise<void> | undefined;
        for (const [index, step] of steps.entries()) {
          if (index === cutBefore) {
            back = reconnected(client);
            expect(cache.azure.redis.killConnections()).toBe(1);
            if (how === "each awaited") await back;
          }
          const reply = step();
          replies.push(outcome(reply));
          if (how === "not awaited" || (how === "awaited before the cut" && back !== undefined)) continue;
          // Whoever awaits goes on no further after an error.
          const hasFailed = await reply.then(
            () => false,
            () => true,
          );
          if (hasFailed) break;
        }
        const last = (await Promise.all(replies)).at(-1);
        await back;
        outcomes.push(last);
        const applied = await admin.mGet([a, b]);
        const whole = ["2", "1"];
        if (Array.isArray(last)) {
          expect([last, applied]).toEqual([["OK", 2, "OK"], whole]);
        } else {
          expect(last).toMatch(/EXECABORT/);
          // An EXEC that was under way may have been applied without its answer; a part of it never is.
          expect([[null, null], ...(how === "not awaited" ? [whole] : [])]).toContainEqual(applied);
        }
        expect(await client.incr("afterwards")).toBe(cutBefore + 1);
      }
      record(`ioredis 6 ${name} cut, ${how}`, { outcomes: outcomes.map(String) });
    },
  );

  test("whose connection was lost: no command of theirs that changes anything takes effect", async (context) => {
    const cache = await IoCache.start(context, lib);
    const client = await cache.one({ retryStrategy: () => 1 });
    await client.call("MULTI");
    await client.set("inside", "1");
    const back = reconnected(client);
    cache.azure.redis.killConnections();
    await back;
    const rest = [
      client.call("SPUBLISH", "channel", "message"),
      client.set("inside", "2"),
      client.call("EXEC"),
    ];
    const outcomes = await Promise.all(rest.map((reply) => outcome(reply)));
    expect(await client.get("inside")).toBeNull();
    for (const one of outcomes) expect(one).toMatch(/EXECABORT/);
  });

  test("who has seen the error of a lost transaction goes on at once, with whatever comes next", async (context) => {
    const cache = await IoCache.start(context, lib);
    const client = await cache.one({ retryStrategy: () => 1 });
    await client.call("MULTI");
    await client.set("inside", "1");
    const back = reconnected(client);
    cache.azure.redis.killConnections();
    await back;
    const story = (async () => {
      try {
        await client.set("inside", "2");
      } catch {
        return await client.incr("failures");
      }
      return "applied";
    })();
    expect(await story).toBe(1);
    expect(await client.get("inside")).toBeNull();
  });

  test(
    "a transaction ends with the connection on which it was begun: the login does not wait for an EXEC",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const client = await cache.one();
      await client.call("MULTI");
      const back = reconnected(client);
      cache.azure.redis.killConnections();
      await back;
      await cache.reauthenticated();
      await expect(client.call("EXEC")).rejects.toThrow(/EXECABORT|EXEC without MULTI/);
      expect(await client.ping()).toBe("PONG");
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );
});

/** Who sees the data without going through the gateway, whose connections are cut. */
async function connectTo(test: TestContext, url: string) {
  const admin = createClient({ url });
  await admin.connect();
  test.onTestFinished(async () => admin.destroy());
  return admin;
}
