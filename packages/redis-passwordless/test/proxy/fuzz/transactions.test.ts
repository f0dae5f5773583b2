import { expect, test } from "vitest";
import { EVERYTHING, Workbench } from "../../inband/support.js";
import { RedisProcess, randomPassword } from "../../support/redis-processes.js";
import { RoutedCache } from "../router/routed.js";
import { PooledServer } from "../shared/pooled.js";
import { Wire } from "../shared/wire.js";
import { ProxiedCache } from "../support.js";
import { pick } from "./client-bytes.js";
import { TIMEOUT_MS } from "./length.js";
import { areServed, compare, type Stage, type Story } from "./stories.js";

/** What may begin, end and spoil a transaction, right and wrong. */
const COMMANDS: readonly string[] = [
  "MULTI",
  "MULTI",
  "MULTI",
  "MULTI x",
  "EXEC",
  "EXEC",
  "EXEC x",
  "DISCARD",
  "DISCARD x",
  "WATCH {t}k",
  "WATCH {t}k {t}l",
  "WATCH",
  "UNWATCH",
  "UNWATCH x",
  "SET {t}k 1",
  "SET {t}k",
  "INCR {t}k",
  "GET {t}k",
  "APPEND {t}l x",
  "LPUSH {t}k x",
  "BLPOP {t}none 0.001",
  "EVAL return{1,{2}} 0",
  "PUBLISH news x",
  "PING",
  "ECHO {t}",
  "NOSUCH x",
];
const DATABASES: readonly string[] = ["SELECT 0", "SELECT 1", "SELECT 1 2", "SELECT x"];
/** What the user may not send. */
const WITHHELD: readonly (readonly string[])[] = [
  [],
  [],
  ["-discard"],
  ["-multi"],
  ["-exec"],
  ["-unwatch"],
  ["-watch"],
  ["-discard", "-exec"],
];

/**
 * Plays a story on a connection of its own, up to the reply to a question at its end.
 *
 * @param between is called after each write
 */
async function play(
  wire: Wire,
  told: Story,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const replies: string[] = [];
  let due = 0;
  // An EXEC ends whatever is open, on any server and for any user.
  for (const { lines, isAwaited } of [...told, { lines: ["EXEC"], isAwaited: true }]) {
    wire.write(...lines);
    await between();
    due += lines.length;
    if (!isAwaited) continue;
    replies.push(...(await wire.take(due)));
    due = 0;
  }
  replies.push(await wire.say("ECHO end"));
  wire.close();
  return replies;
}

/** For a user who may not send everything. */
function withhold(server: RedisProcess): Stage["reset"] {
  return async (random) => {
    await server.command("FLUSHALL");
    await server.command("ACL", "SETUSER", "somebody", ...EVERYTHING, ...pick(random, WITHHELD));
  };
}

test(
  "transactions are on a session what they are to Redis, with logins anywhere",
  async (context) => {
    const bench = await Workbench.start(context);
    await compare("fuzzing of transactions: a session", {
      commands: [...COMMANDS, ...DATABASES],
      reset: withhold(bench.server),
      direct: async (told) => play(new Wire((await bench.openPlain()).socket), told),
      other: async (told, random) => {
        const { socket, session } = await bench.open();
        const logins: Promise<string>[] = [];
        const replies = await play(new Wire(socket), told, async () => {
          if (random() < 0.3) logins.push(session.authenticate(bench.good));
          if (random() < 0.5) await new Promise(setImmediate);
        });
        const outcomes = new Set(await Promise.all(logins));
        outcomes.delete("accepted");
        // Those that were under way when the client left.
        outcomes.delete("offline");
        expect([...outcomes]).toEqual([]);
        return replies;
      },
    });
  },
  TIMEOUT_MS,
);

test(
  "transactions are through the proxy what they are to Redis, while tokens rotate and connections change hands",
  async (context) => {
    await using cache = await ProxiedCache.start({ tokenLifetimeMs: 3_000 });
    const { objectId } = cache.azure.systemIdentity;
    const password = randomPassword();
    const server = await RedisProcess.start(context, { password });
    const others = await Promise.all(Array.from({ length: 3 }, () => Wire.dial(cache.address.port)));
    const admin = await Wire.dial(cache.address.port);
    await compare("fuzzing of transactions: the proxy", {
      commands: [...COMMANDS, ...DATABASES],
      reset: async (random) => {
        const rules = ["+@all", ...pick(random, WITHHELD), "~*", "&*"];
        await cache.azure.assign(objectId, rules.join(" "));
        await server.command("ACL", "SETUSER", objectId, "reset", "on", `>${password}`, ...rules);
        await server.command("FLUSHALL");
        expect(await admin.say("FLUSHALL")).toBe("+OK\r\n");
      },
      direct: async (told) => {
        const wire = await Wire.dial(server.port);
        await wire.ask("AUTH", objectId, password);
        return play(wire, told);
      },
      other: async (told) => play(await Wire.dial(cache.address.port), told, () => areServed(others)),
    });
    for (const client of [admin, ...others]) client.close();
  },
  TIMEOUT_MS,
);

test(
  "transactions are with a pool what they are to Redis, and others notice nothing of them",
  async (context) => {
    const { bench, proxy } = await PooledServer.start(context);
    const others = await Promise.all(Array.from({ length: 3 }, () => proxy.client()));
    await compare("fuzzing of transactions: a pool", {
      commands: [...COMMANDS, ...DATABASES],
      reset: withhold(bench.server),
      direct: async (told) => {
        const wire = await Wire.dial(bench.server.port);
        await wire.ask("AUTH", bench.good.username, bench.good.reveal());
        return play(wire, told);
      },
      other: async (told) => play(await proxy.client(), told, () => areServed(others)),
    });
    for (const other of others) other.close();
  },
  TIMEOUT_MS,
);

test(
  "transactions are with a cluster as one server what they are to Redis, and others notice nothing of them",
  async (context) => {
    await using cache = await RoutedCache.start();
    const server = await RedisProcess.start(context, { password: randomPassword() });
    const others = await Promise.all(Array.from({ length: 3 }, () => cache.client()));
    const admin = await cache.client();
    await compare("fuzzing of transactions: a cluster as one server", {
      commands: COMMANDS,
      reset: () => Promise.all([server.command("FLUSHALL"), admin.say("FLUSHALL")]),
      direct: async (told) => {
        const wire = await Wire.open(server);
        return play(wire, told);
      },
      other: async (told) => play(await cache.client(), told, () => areServed(others)),
    });
    for (const client of [admin, ...others]) client.close();
  },
  TIMEOUT_MS,
);
