import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import {
  AT_ONCE,
  type Client,
  IOREDIS,
  IoCache,
  LONG,
  ready,
  reconnected,
  TOKEN_LIFETIME_MS,
} from "../../support/io-cache.js";
import { record } from "../../support/record.js";

/** Reconnects as fast as it goes. */
const AT_ONCE_AGAIN = { retryStrategy: () => 1 };

/** The setting with which ioredis sends nothing twice by itself. */
const NO_RESEND = { ...AT_ONCE_AGAIN, maxRetriesPerRequest: 0 };

describe.concurrent.each(IOREDIS)("reconnects of %s", (name, lib) => {
  test(
    "500 on 10 connections: one AUTH per live connection at the next rotation, and nothing left after the end",
    async (context) => {
      const cache = await IoCache.start(context, lib, {
        emulator: { tokenLifetimeMs: 4 * TOKEN_LIFETIME_MS },
      });
      const first = await cache.one(AT_ONCE_AGAIN);
      // One set of options for all, as duplicates share them.
      const clients = [first, ...Array.from({ length: 9 }, () => cache.track(first.duplicate()))];
      await Promise.all(clients.map((client) => ready(client)));
      for (let round = 0; round < 50; round += 1) {
        const back = Promise.all(clients.map((client) => reconnected(client)));
        cache.azure.redis.killConnections();
        await back;
      }
      expect(cache.identity.status.connections).toBe(10);
      const live = cache.openConnections();
      // The rotation to the next token; one that is under way by now has begun with fewer connections.
      const known = new Set(cache.logins().map((login) => login.tokenId));
      const ofNextToken = () => {
        const later = cache.logins().filter((login) => !known.has(login.tokenId));
        return later.filter(
          (login) => login.tokenId === later[0]?.tokenId && live.includes(login.connectionId),
        );
      };
      while (ofNextToken().length < 10) await cache.reauthenticated();
      // Whatever else was sent at once with these logins has arrived before this.
      await Promise.all(clients.map((client) => client.ping()));
      const logins = ofNextToken();
      record(`ioredis 9 ${name}`, { reconnects: 500, loginsAtRotation: logins.length });
      expect(logins).toHaveLength(10);
      expect(new Set(logins.map((login) => login.connectionId)).size).toBe(10);
      expect(cache.evictions()).toBe(0);
      for (const client of clients) client.disconnect();
      // ioredis ends its sockets: they are closed once the server has ended its side, too.
      await context.expect.poll(() => cache.identity.status.connections).toBe(0);
      await context.expect.poll(() => cache.azure.redis.connectionCount).toBe(0);
    },
    LONG,
  );

  test(
    "cut in the middle of every login on a live connection: all come back, nothing is applied twice",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const clients = await cache.connect(4, NO_RESEND);
      const load = pushUnique(clients);
      for (let round = 0; round < 2; round += 1) {
        // The first login of a rotation is the trial, for which the others wait.
        const fault = cache.azure.redis.injectFault({ kind: "close" }, { times: 4, after: 1 });
        await context.expect.poll(() => fault.applied, { timeout: 30_000 }).toBe(4);
        fault.remove();
        await Promise.all(clients.map((client) => ready(client)));
      }
      await cache.rotations(1);
      const { sent, lists } = await load.end();
      record(`ioredis 9 ${name} cut at login`, { sent, ...lists });
      expect(lists).toMatchObject({ twice: 0, answeredButMissing: 0 });
      expect(cache.evictions()).toBe(0);
    },
    LONG,
  );

  test(
    "cut at random under load, rotations in between: nothing is applied twice with `maxRetriesPerRequest: 0`",
    async (context) => {
      const cache = await IoCache.start(context, lib, { identity: AT_ONCE });
      const clients = await cache.connect(4, NO_RESEND);
      const load = pushUnique(clients);
      for (let round = 0; round < 20; round += 1) {
        const back = Promise.all(clients.map((client) => reconnected(client)));
        cache.azure.redis.killConnections();
        await back;
        if (round % 10 === 0) {
          // At the very moment of the login with the next token.
          await cache.azure.waitFor("login");
        }
      }
      await cache.rotations(1);
      const { sent, lists } = await load.end();
      record(`ioredis 9 ${name} cut at random`, { sent, ...lists });
      expect(lists).toMatchObject({ twice: 0, answeredButMissing: 0 });
      expect(cache.refusals()).toEqual([]);
    },
    LONG,
  );

  test(
    "Redis restarts under load: clients, subscriber and blocked command are back by themselves",
    async (context) => {
      const cache = await IoCache.start(context, lib);
      const [client, blocked] = await cache.connect(2, AT_ONCE_AGAIN);
      const subscriber = await cache.one({ ...AT_ONCE_AGAIN, protocol: 2 });
      await subscriber.subscribe("news");
      await client?.set("key", "kept");
      const popped = blocked?.blpop("queue", 0);
      await cache.azure.redis.restart();
      expect(await client?.get("key")).toBe("kept");
      await cache.reauthenticated(3);
      const heard = new Promise((resolve) => subscriber.once("message", (...args) => resolve(args)));
      await context.expect.poll(() => client?.publish("news", "back")).toBe(1);
      expect(await heard).toEqual(["news", "back"]);
      await client?.rpush("queue", "element");
      expect(await popped).toEqual(["queue", "element"]);
      expect(cache.refusals()).toEqual([]);
    },
    LONG,
  );

  test("a login that hangs ends with `connectTimeout`, and the next attempt succeeds", async (context) => {
    const cache = await IoCache.start(context, lib);
    cache.azure.redis.injectFault({ kind: "hang" }, { times: 1 });
    const client = cache.client({ ...AT_ONCE_AGAIN, connectTimeout: 500 });
    expect(await client.ping()).toBe("PONG");
    expect(cache.errors).toHaveLength(1);
    expect(cache.azure.redis.connectionCount).toBe(1);
  });

  test("quit and disconnect, also right after connecting, leave nothing behind; the client can connect again", async (context) => {
    const cache = await IoCache.start(context, lib);
    for (let round = 0; round < 10; round += 1) {
      const [quitting, leaving] = [cache.client(), cache.client()];
      await ready(leaving);
      const ended = new Promise<void>((resolve) => leaving.once("end", resolve));
      leaving.disconnect();
      expect(await quitting.quit()).toBe("OK");
      await ended;
    }
    const early = Array.from({ length: 5 }, () => cache.client());
    await Promise.all(
      early.map(async (client) => {
        const ended = new Promise<void>((resolve) => client.once("end", resolve));
        client.disconnect();
        await ended;
      }),
    );
    await context.expect.poll(() => cache.identity.status.connections).toBe(0);
    await context.expect.poll(() => cache.azure.redis.connectionCount).toBe(0);
    await early[0]?.connect();
    expect(await early[0]?.ping()).toBe("PONG");
    expect(cache.identity.status.connections).toBe(1);
  });
});

test.for(["ioredis", "ioredis-5", "iovalkey"])(
  "a process whose clients of %s are closed ends by itself, in the middle of a token's life",
  async (module, context) => {
    const cache = await IoCache.start(context, IOREDIS[0][1], { emulator: { tokenLifetimeMs: 3_600_000 } });
    const program = `
      import { Redis } from ${JSON.stringify(module)};
      import { passwordless } from "redis-passwordless/ioredis";
      const redis = passwordless(Redis, ${JSON.stringify(cache.azure.redis.url)});
      const subscriber = redis.duplicate({ protocol: 2 });
      await subscriber.subscribe("news");
      console.log(await redis.ping());
      await Promise.all([redis.quit(), subscriber.quit()]);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      env: {
        NODE_EXTRA_CA_CERTS: cache.azure.caFile,
        AZURE_POD_IDENTITY_AUTHORITY_HOST: cache.azure.imdsHost,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const [code] = (await once(child, "close")) as [number];
    expect([output, code]).toEqual(["PONG\n", 0]);
  },
);

interface Lists {
  readonly twice: number;
  readonly answeredButMissing: number;
  readonly failed: number;
}

/**
 * Pushes a new element about every millisecond, each to its client's own list, until `end`. ioredis leaves a command
 * that it neither resends nor answers pending for ever, so the lists tell what was applied, not the replies.
 */
function pushUnique(clients: readonly Client[]): { end(): Promise<{ sent: number; lists: Lists }> } {
  const answered = clients.map(() => new Set<string>());
  let [sent, failed] = [0, 0];
  const timer = setInterval(() => {
    for (const [index, client] of clients.entries()) {
      const element = String(sent);
      sent += 1;
      client.rpush(`list:${index}`, element).then(
        () => answered[index]?.add(element),
        () => {
          failed += 1;
        },
      );
    }
  }, 4);
  return {
    end: async () => {
      clearInterval(timer);
      let [twice, answeredButMissing] = [0, 0];
      for (const [index, client] of clients.entries()) {
        // Behind everything that is still under way on this connection.
        const applied = await client.lrange(`list:${index}`, 0, -1);
        const unique = new Set(applied);
        twice += applied.length - unique.size;
        for (const element of answered[index] ?? []) if (!unique.has(element)) answeredButMissing += 1;
      }
      return { sent, lists: { twice, answeredButMissing, failed } };
    },
  };
}
