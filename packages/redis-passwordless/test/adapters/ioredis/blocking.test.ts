import { setInterval } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { type Client, IOREDIS, IoCache, LONG, ROTATIONS, TOKEN_LIFETIME_MS } from "../../support/io-cache.js";
import { numbered } from "../../support/load.js";
import { record } from "../../support/record.js";

/** Three tokens have ended when four more have come. */
const ACROSS_EXPIRIES = ROTATIONS + 1;

type Take = (worker: Client) => Promise<unknown>;

/** Takes until "end" comes; whatever is taken is returned, also a null that nobody asked for. */
async function consume(worker: Client, take: Take): Promise<unknown[]> {
  const taken: unknown[] = [];
  for (;;) {
    const next = await take(worker);
    if (next === "end") return taken;
    taken.push(next);
  }
}

const second = (reply: unknown): unknown => (Array.isArray(reply) ? reply[1] : reply);

interface Queue {
  readonly name: string;
  readonly take: Take;
  readonly push: (producer: Client, element: string) => Promise<unknown>;
}

const QUEUES: readonly Queue[] = [
  {
    name: "BLPOP",
    take: async (worker) => second(await worker.blpop("blpop", 0)),
    push: (producer, element) => producer.rpush("blpop", element),
  },
  {
    name: "BRPOP",
    take: async (worker) => second(await worker.brpop("brpop", "never", 0)),
    push: (producer, element) => producer.lpush("brpop", element),
  },
  {
    name: "BLMOVE",
    take: (worker) => worker.blmove("blmove", "moved", "LEFT", "RIGHT", 0),
    push: (producer, element) => producer.rpush("blmove", element),
  },
  {
    name: "BLPOP of a raw call",
    take: async (worker) => second(await worker.call("BLPOP", "raw", "0")),
    push: (producer, element) => producer.rpush("raw", element),
  },
  {
    name: "BZPOPMIN",
    take: async (worker) => second(await worker.bzpopmin("bzpopmin", 0)),
    // "end" comes last.
    push: (producer, element) =>
      producer.zadd("bzpopmin", element === "end" ? 1_000_000 : Number(element), element),
  },
  {
    name: "XREADGROUP",
    take: async (worker) => {
      const args = ["GROUP", "group", "worker", "COUNT", 1, "BLOCK", 0, "STREAMS", "stream", ">"] as const;
      const reply = (await worker.xreadgroup(...args)) as [string, [string, string[]][]][] | null;
      return reply?.[0]?.[1]?.[0]?.[1]?.[1] ?? reply;
    },
    push: (producer, element) => producer.xadd("stream", "*", "n", element),
  },
];

describe.concurrent.each(IOREDIS)("commands of %s that block for ever", (name, lib) => {
  test(
    "across three expiries deliver every element exactly once, no null and no error",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      // Which has no `CLIENT UNBLOCK`.
      await cache.azure.assign(cache.azure.systemIdentity.objectId, "Data Contributor");
      const producer = await cache.one();
      await producer.xgroup("CREATE", "stream", "group", "$", "MKSTREAM");
      const workers = await cache.connect(QUEUES.length);
      const consuming = QUEUES.map(({ take }, index) => consume(workers[index] as Client, take));
      let pushed = 0;
      const push = async (element: string) => {
        await Promise.all(QUEUES.map((queue) => queue.push(producer, element)));
      };
      const story = { isOver: false };
      const done = cache.rotations(ACROSS_EXPIRIES).finally(() => {
        story.isOver = true;
      });
      // Fast, and with pauses that are longer than a token's life less its refresh.
      const pauseEvery = 400;
      let quietUntilMs = 0;
      for await (const _ of setInterval(3)) {
        if (story.isOver) break;
        if (performance.now() < quietUntilMs) continue;
        await push(String(pushed));
        pushed += 1;
        if (pushed % pauseEvery === 0) quietUntilMs = performance.now() + 0.5 * TOKEN_LIFETIME_MS;
      }
      await done;
      await push("end");
      const taken = await Promise.all(consuming);
      record(`ioredis 4 ${name} fast`, {
        pushed: pushed * QUEUES.length,
        taken: taken.flat().length,
        errors: cache.errors.length,
        evicted: cache.evictions(),
      });
      for (const [index, elements] of taken.entries()) {
        expect([QUEUES[index]?.name, elements]).toEqual([QUEUES[index]?.name, numbered(pushed)]);
      }
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test(
    "answer with the next element after three expiries of silence; finite ones end in time with null",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const producer = await cache.one();
      const [popping, reading, timed, timedReading, early] = await cache.connect(5);
      if (early === undefined) throw new Error("five clients were asked for");
      const ids = await Promise.all([popping?.client("ID"), reading?.client("ID")]);
      await producer.xadd("stream", "*", "n", "before");
      const popped = popping?.blpop("queue", 0);
      const read = reading?.xread("BLOCK", 0, "STREAMS", "stream", "$");
      const across = (1.4 * TOKEN_LIFETIME_MS) / 1_000;
      const started = performance.now();
      const ended = async (blocked: Promise<unknown> | undefined) => [
        await blocked,
        performance.now() - started,
      ];
      const finite = Promise.all([
        ended(timed?.blpop("nothing", across)),
        ended(timedReading?.xread("BLOCK", across * 1_000, "STREAMS", "nothing", "$")),
        ended(early.blpop("nothing", 0.2)),
      ]);
      await cache.rotations(ACROSS_EXPIRIES);
      await producer.xadd("stream", "*", "n", "after");
      await producer.rpush("queue", "element");

      expect(await popped).toEqual(["queue", "element"]);
      expect(await read).toEqual([["stream", [[expect.any(String), ["n", "after"]]]]]);
      const [list, stream, short] = await finite;
      expect([list?.[0], stream?.[0], short?.[0]]).toEqual([null, null, null]);
      const tookMs = [list, stream, short].map((outcome) => Number(outcome?.[1]));
      record(`ioredis 4 ${name} silence`, { askedMs: across * 1_000, tookMs, evicted: cache.evictions() });
      for (const [index, askedMs] of [across * 1_000, across * 1_000, 200].entries()) {
        expect(tookMs[index]).toBeGreaterThanOrEqual(askedMs - 5);
      }
      expect(await Promise.all([popping?.client("ID"), reading?.client("ID")])).toEqual(ids);
      expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
    },
    LONG,
  );

  test("get what Redis answers to an invalid timeout, and to a wrong type", async (context) => {
    const cache = await IoCache.start(context, lib);
    const client = await cache.one();
    await client.set("text", "value");
    await expect(client.call("BLPOP", "key", "abc")).rejects.toThrow("timeout is not a float");
    await expect(client.call("BLPOP", "key", "-1")).rejects.toThrow("timeout is negative");
    await expect(client.blpop("text", 0)).rejects.toThrow("WRONGTYPE");
    expect(await client.ping()).toBe("PONG");
  });

  test("in a transaction do not block, and other commands behind one wait for it in order", async (context) => {
    const cache = await IoCache.start(context, lib);
    const [client, other] = await cache.connect(2);
    expect(await client?.multi().blpop("queue", 0).incr("n").exec()).toEqual([
      [null, null],
      [null, 1],
    ]);
    const replies = Promise.all([
      client?.incr("n"),
      client?.blpop("queue", 0),
      client?.incr("n"),
      client?.pipeline().incr("n").brpop("queue", 0).incr("n").exec(),
    ]);
    await other?.rpush("queue", "first");
    await other?.rpush("queue", "second");
    expect(await replies).toEqual([
      2,
      ["queue", "first"],
      3,
      [
        [null, 4],
        [null, ["queue", "second"]],
        [null, 5],
      ],
    ]);
  });
});
