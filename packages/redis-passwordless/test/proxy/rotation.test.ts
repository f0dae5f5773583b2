import { createClient } from "redis";
import { afterEach, describe, expect, test } from "vitest";
import { ProxiedCache } from "./support.js";

const LONG = 60_000;
let cache: ProxiedCache | undefined;
afterEach(() => cache?.[Symbol.asyncDispose]());

describe("while tokens rotate", () => {
  test(
    "pipelines, transactions, subscribers in RESP2 and RESP3 and blocked clients notice nothing",
    async () => {
      cache = await ProxiedCache.start({ tokenLifetimeMs: 3_000 });
      const { url, proxy } = cache;
      const open = async (RESP: 2 | 3) => {
        const client = createClient({ url, RESP, socket: { reconnectStrategy: false } });
        const errors: Error[] = [];
        client.on("error", (error: Error) => errors.push(error));
        await client.connect();
        return { client, errors };
      };
      const counter = await open(2);
      const publisher = await open(3);
      const sub2 = await open(2);
      const sub3 = await open(3);
      const popper = await open(2);
      const heard2: string[] = [];
      const heard3: string[] = [];
      await sub2.client.subscribe("news", (message) => heard2.push(message));
      await sub3.client.subscribe("news", (message) => heard3.push(message));
      const popped: string[] = [];
      const popping = (async () => {
        for (;;) {
          const element = await popper.client.blPop("queue", 0);
          if (element === null || element.element === "end") break;
          popped.push(element.element);
        }
      })();
      let sent = 0;
      let sum = 0;
      while (proxy.status().instances[0]!.counters.reauthentications < 15) {
        const batch = Array.from({ length: 20 }, (_, index) => counter.client.incr(`n${index % 3}`));
        await Promise.all(batch);
        sum += 20;
        await counter.client.multi().incr("tx").incr("tx").exec();
        await publisher.client.publish("news", String(sent));
        await publisher.client.rPush("queue", String(sent));
        sent += 1;
      }
      await publisher.client.rPush("queue", "end");
      await popping;
      const expected = Array.from({ length: sent }, (_, index) => String(index));
      const counted = await Promise.all(
        [0, 1, 2].map(async (index) => Number(await counter.client.get(`n${index}`))),
      );
      expect(counted.reduce((a, b) => a + b)).toBe(sum);
      expect(Number(await counter.client.get("tx"))).toBe(2 * sent);
      expect(popped).toEqual(expected);
      expect(heard2).toEqual(expected);
      expect(heard3).toEqual(expected);
      for (const { client, errors } of [counter, publisher, sub2, sub3, popper]) {
        expect(errors).toEqual([]);
        client.destroy();
      }
      expect(expiries(cache)).toEqual([]);
    },
    LONG,
  );

  test(
    "a client that holds its connection for longer than a token lives is told so before Azure cuts it",
    async () => {
      cache = await ProxiedCache.start({ tokenLifetimeMs: 3_000 });
      const client = await cache.raw();
      await client.write("MULTI").read(1);
      await client.closed;
      expect(client.frames).toEqual([
        "+OK\r\n",
        expect.stringMatching(/^-ERR_PASSWORDLESS_AUTH_TIMEOUT .* open transaction/),
      ]);
      expect(expiries(cache)).toEqual([]);
    },
    LONG,
  );
});

/** Connections that Azure has cut. */
function expiries({ azure }: ProxiedCache): unknown[] {
  return azure.events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired");
}
