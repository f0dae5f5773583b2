import { describe, expect, test } from "vitest";
import { Cache, type Client, NODE_REDIS, TOKEN_LIFETIME_MS } from "../../support/cache.js";
import { record } from "../../support/record.js";

const LONG = 20 * TOKEN_LIFETIME_MS + 30_000;

/**
 * Run on other servers with `npm run test:matrix`: since Redis 7.2, and in Valkey, a failing AUTH with replies
 * pending gets no reply at all (https://github.com/redis/redis/issues/15640).
 */
describe.concurrent.each(NODE_REDIS)(
  "a token that Redis refuses once, under full pipelined load, %s",
  (name, redis) => {
    test(
      "no command fails, no reply reaches the wrong command, and the next token is on every connection in time",
      async (context) => {
        const cache = await Cache.start(context, redis);
        const clients = await cache.connect(4);
        await Promise.all(
          clients.map((client) =>
            client.mSet(
              Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`key:${n}`, `value:${n}`])),
            ),
          ),
        );
        const fault = cache.azure.redis.injectFault({ kind: "refuse" }, { times: 1 });
        let isOver = false;
        const refused = cache.azure.waitFor("login", (login) => !login.accepted);
        const story = (async () => {
          await refused;
          await cache.rotations(3);
          isOver = true;
        })();
        const results = await Promise.all(clients.map((client) => readInBatches(client, () => isOver)));
        await story;
        const read = results.reduce((sum, result) => sum + result.read, 0);
        const wrong = results.reduce((sum, result) => sum + result.wrong, 0);
        record(`12 ${name} ${cache.azure.redis.server}`, {
          read,
          wrong,
          refused: fault.applied,
          evicted: cache.evictions(),
        });
        expect(fault.applied).toBe(1);
        expect(wrong).toBe(0);
        expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
      },
      LONG,
    );

    test(
      "at the first login: asks for another token and connects with it",
      async (context) => {
        const cache = await Cache.start(context, redis);
        cache.azure.redis.injectFault({ kind: "refuse" }, { times: 1 });
        const [client] = await cache.connect(1);
        expect(await client?.ping()).toBe("PONG");
        expect(new Set(cache.logins().map((login) => login.accepted))).toEqual(new Set([true, false]));
      },
      LONG,
    );
  },
);

async function readInBatches(
  client: Client,
  isOver: () => boolean,
): Promise<{ read: number; wrong: number }> {
  let [read, wrong] = [0, 0];
  while (!isOver()) {
    const values = await Promise.all(Array.from({ length: 200 }, (_, n) => client.get(`key:${n}`)));
    read += values.length;
    wrong += values.filter((value, n) => value !== `value:${n}`).length;
  }
  return { read, wrong };
}
