import { createClient } from "redis";
import { describe, expect, test, vi } from "vitest";
import { hashSlot } from "../../../src/topology/hash-slot.js";
import type { Wire } from "../shared/wire.js";
import { RoutedCache } from "./routed.js";

const LONG = 60_000;

/** A slot of a cluster that moves from one node to another, step by step. */
class MovingSlot {
  readonly cache: RoutedCache;
  readonly slot: number;
  from: number;
  to: number;
  readonly #ids: readonly string[];

  private constructor(cache: RoutedCache, slot: number, from: number, to: number, ids: readonly string[]) {
    this.cache = cache;
    this.slot = slot;
    this.from = from;
    this.to = to;
    this.#ids = ids;
  }

  static async of(cache: RoutedCache, key: string): Promise<MovingSlot> {
    const slot = hashSlot(key);
    const { port } = cache.cluster.nodeOf(slot).address;
    const from = cache.azure.redis.nodes.findIndex(({ announced }) => announced.port === port);
    const ids = await Promise.all([0, 1, 2].map((node) => cache.onServer<string>(node, "CLUSTER", "MYID")));
    return new MovingSlot(cache, slot, from, (from + 1) % 3, ids);
  }

  async begin(): Promise<void> {
    const [source = "", target = ""] = [this.#ids[this.from], this.#ids[this.to]];
    await this.cache.onServer(this.to, "CLUSTER", "SETSLOT", String(this.slot), "IMPORTING", source);
    await this.cache.onServer(this.from, "CLUSTER", "SETSLOT", String(this.slot), "MIGRATING", target);
  }

  async moveKeys(...keys: readonly string[]): Promise<void> {
    const { hostname, port, username, password } = new URL(this.cache.azure.redis.nodes[this.to]!.backendUrl);
    const where = [hostname, port, "", "0", "5000", "AUTH2", username, decodeURIComponent(password)];
    await this.cache.onServer(this.from, "MIGRATE", ...where, "KEYS", ...keys);
  }

  async end(): Promise<void> {
    for (const node of [this.to, this.from]) {
      const id = this.#ids[this.to] ?? "";
      await this.cache.onServer(node, "CLUSTER", "SETSLOT", String(this.slot), "NODE", id);
    }
  }
}

describe.concurrent("while a slot moves to another node", () => {
  test(
    "keys are found where they are, and a command that needs both halves waits for the other one",
    async () => {
      await using cache = await RoutedCache.start();
      const client = await cache.client();
      await client.say("SET {t}old 1");
      const moving = await MovingSlot.of(cache, "{t}");
      await moving.begin();
      expect(await client.say("SET {t}new 2")).toBe("+OK\r\n");
      client.write("GET {t}old", "GET {t}new", "RPUSH {t}list a", "LPOP {t}list");
      expect(await client.take(4)).toEqual(["$1\r\n1\r\n", "$1\r\n2\r\n", ":1\r\n", "$1\r\na\r\n"]);
      client.write("MGET {t}old {t}new");
      await vi.waitFor(() => expect([...cache.clients].some(({ isIdle }) => isIdle)).toBe(false));
      await moving.moveKeys("{t}old");
      await moving.end();
      expect(await client.take(1)).toEqual(["*2\r\n$1\r\n1\r\n$1\r\n2\r\n"]);
      client.close();
    },
    LONG,
  );

  test(
    "commands and transactions of many pipelining clients keep their order, and none fails or is executed twice",
    async () => {
      await using cache = await RoutedCache.start();
      const clients = await Promise.all(Array.from({ length: 8 }, () => cache.client()));
      for (const client of clients) await client.say("PING");
      const sent = clients.map(() => 0);
      const story = { isOver: false };
      const write = async (client: Wire, index: number): Promise<void> => {
        const key = `{t}${index}`;
        while (!story.isOver) {
          client.write(
            `INCR ${key}`,
            "MULTI",
            `INCR ${key}`,
            `INCR ${key}`,
            "EXEC",
            `INCR ${key}`,
            `INCR other${index}`,
          );
          sent[index] = sent[index]! + 1;
          await client.take(7);
        }
      };
      const writing = clients.map(write);
      const moving = await MovingSlot.of(cache, "{t}");
      for (let round = 0; round < 2; round += 1) {
        await moving.begin();
        await moving.moveKeys(...clients.map((_, index) => `{t}${index}`));
        await moving.end();
        const before = sent.map((count) => count + 20);
        await vi.waitFor(
          () => expect(sent.every((count, index) => count > before[index]!)).toBe(true),
          20_000,
        );
        [moving.from, moving.to] = [moving.to, moving.from];
      }
      story.isOver = true;
      await Promise.all(writing);
      for (const [index, client] of clients.entries()) {
        const rounds = sent[index]!;
        const expected = Array.from({ length: rounds }, (_, round) => [
          `:${4 * round + 1}\r\n`,
          "+OK\r\n",
          "+QUEUED\r\n",
          "+QUEUED\r\n",
          `*2\r\n:${4 * round + 2}\r\n:${4 * round + 3}\r\n`,
          `:${4 * round + 4}\r\n`,
          `:${round + 1}\r\n`,
        ]).flat();
        expect(client.frames.slice(1)).toEqual(expected);
        client.close();
      }
    },
    LONG,
  );

  test(
    "a transaction step by step that meets the new node is lost with an error to repeat it",
    async () => {
      await using cache = await RoutedCache.start();
      const client = await cache.client();
      await client.say("SET {t}a 1");
      const moving = await MovingSlot.of(cache, "{t}");
      await moving.begin();
      await moving.moveKeys("{t}a");
      await moving.end();
      await client.say("MULTI");
      expect(await client.say("INCR {t}a")).toMatch(/^-TRYAGAIN /);
      expect(await client.say("EXEC")).toMatch(/^-EXECABORT /);
      await vi.waitFor(async () => {
        await client.say("MULTI");
        await client.say("INCR {t}a");
        expect(await client.say("EXEC")).toBe("*1\r\n:2\r\n");
      });
      expect(await client.say("BLPOP {t}none 0.01")).toBe("*-1\r\n");
      client.close();
    },
    LONG,
  );
});

test(
  "a planned failover under load, with tokens that end every 3 s: nothing fails but what says that it may have run",
  async () => {
    await using cache = await RoutedCache.start(
      { redis: { cluster: { masters: 3, replicas: 1, announce: "ip" } }, tokenLifetimeMs: 3_000 },
      { reauthenticationWindowMs: 500 },
    );
    const client = await createClient({ socket: { port: cache.port } }).connect();
    const other = await createClient({ RESP: 3, socket: { port: cache.port } }).connect();
    const errors: string[] = [];
    const acknowledged = Array.from({ length: 100 }, () => 0);
    let number = 0;
    const story = { isOver: false };
    const write = async (): Promise<void> => {
      while (!story.isOver) {
        const key = number++ % 100;
        const using = number % 2 === 0 ? client : other;
        await using.incr(`n${key}`).then(
          () => {
            acknowledged[key] = acknowledged[key]! + 1;
          },
          (error: unknown) => errors.push(String(error)),
        );
      }
    };
    const writing = Array.from({ length: 16 }, write);
    let tokens = 0;
    const listening = cache.identity.on("tokenRefreshed", () => {
      tokens += 1;
    });
    await vi.waitFor(() => expect(tokens).toBeGreaterThan(1), LONG);
    await cache.azure.redis.failover({ node: 1, kind: "planned" });
    const [before, atTokens] = [number, tokens];
    await vi.waitFor(
      () => expect([number > before + 1_000, tokens > atTokens + 1]).toEqual([true, true]),
      LONG,
    );
    story.isOver = true;
    await Promise.all(writing);
    listening[Symbol.dispose]();
    expect(errors.filter((error) => !error.includes("It may have been executed, or not."))).toEqual([]);
    const stored = await client.mGet(acknowledged.map((_, key) => `n${key}`));
    const missing = acknowledged.filter((count, key) => Number(stored[key]) < count);
    expect(missing).toEqual([]);
    const evicted = cache.azure.events.filter(
      (event) => event.type === "disconnected" && event.reason === "tokenExpired",
    );
    expect(evicted).toEqual([]);
    client.destroy();
    other.destroy();
  },
  LONG,
);
