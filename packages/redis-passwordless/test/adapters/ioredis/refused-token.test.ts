import { describe, expect, test } from "vitest";
import { type Client, IOREDIS, IoCache, LONG } from "../../support/io-cache.js";
import { record } from "../../support/record.js";

/**
 * Run on other servers with `npm run test:matrix`: since Redis 7.2, and in Valkey, a failing AUTH with replies
 * pending gets no reply at all (https://github.com/redis/redis/issues/15640).
 */
describe.concurrent.each(IOREDIS)(
  "a token that Redis refuses once, under full pipelined load, %s",
  (name, lib) => {
    // The first login that meets the fault is the trial of the new token, aside; the second, one under load.
    test.for([
      ["on the connection where it is tried", 0],
      ["on a connection under load", 1],
    ] as const)(
      "%s: no command fails, no reply reaches the wrong command, the next token comes in time",
      { timeout: LONG },
      async ([where, after], context) => {
        const cache = await IoCache.start(context, lib);
        const clients = await cache.connect(4);
        const values = Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`key:${n}`, `value:${n}`]));
        await clients[0]?.mset(values);
        const ids = await Promise.all(clients.map((client) => client.client("ID")));
        const fault = cache.azure.redis.injectFault({ kind: "refuse" }, { times: 1, after });
        const story = { isOver: false };
        const refused = cache.azure.waitFor("login", (login) => !login.accepted);
        const done = (async () => {
          await refused;
          await cache.rotations(2);
          story.isOver = true;
        })();
        const results = await Promise.all(clients.map((client) => readInBatches(client, story)));
        await done;
        const read = results.reduce((sum, result) => sum + result.read, 0);
        const wrong = results.reduce((sum, result) => sum + result.wrong, 0);
        record(`ioredis 9b ${name} ${where} ${cache.azure.redis.server}`, {
          read,
          wrong,
          refused: fault.applied,
          evicted: cache.evictions(),
        });
        expect(fault.applied).toBe(1);
        expect(wrong).toBe(0);
        expect([cache.errors, cache.evictions()]).toEqual([[], 0]);
        expect(await Promise.all(clients.map((client) => client.client("ID")))).toEqual(ids);
      },
    );

    test(
      "at the first login: tries on and connects",
      async (context) => {
        const cache = await IoCache.start(context, lib);
        cache.azure.redis.injectFault({ kind: "refuse" }, { times: 1 });
        const client = cache.client();
        expect(await client.ping()).toBe("PONG");
        expect(cache.logins().map((login) => login.accepted)).toEqual([false, true]);
        expect(cache.errors).toMatchObject([{ code: "ERR_PASSWORDLESS_AUTH_REFUSED" }]);
      },
      LONG,
    );

    test(
      "at every login: the error says why, and the client goes on trying as its `retryStrategy` says",
      async (context) => {
        const cache = await IoCache.start(context, lib);
        await cache.azure.revoke(cache.azure.systemIdentity.objectId);
        const asked: number[] = [];
        const client = cache.client({
          retryStrategy: (times: number) => {
            asked.push(times);
            return times < 3 ? 10 : null;
          },
        });
        const ended = new Promise<void>((resolve) => client.once("end", resolve));
        const reply = client.ping().catch((error: Error) => error.message);
        await ended;
        expect(await reply).toMatch(/Connection is closed|ERR_PASSWORDLESS_AUTH_REFUSED/);
        expect(asked).toEqual([1, 2, 3]);
        expect(cache.errors.map((error) => (error as { code?: string }).code)).toEqual(
          Array.from({ length: 3 }, () => "ERR_PASSWORDLESS_AUTH_REFUSED"),
        );
        expect(cache.errors[0]).toMatchObject({ remedy: expect.stringMatching(/access policy/) });
        expect(cache.identity.status.connections).toBe(0);
      },
      LONG,
    );
  },
);

async function readInBatches(
  client: Client,
  story: { readonly isOver: boolean },
): Promise<{ read: number; wrong: number }> {
  let [read, wrong] = [0, 0];
  while (!story.isOver) {
    const values = await Promise.all(Array.from({ length: 200 }, (_, n) => client.get(`key:${n}`)));
    read += values.length;
    wrong += values.filter((value, n) => value !== `value:${n}`).length;
  }
  return { read, wrong };
}
