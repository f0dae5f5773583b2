import { expect, test } from "vitest";
import { RedisProcess, randomPassword } from "../../support/redis-processes.js";
import { Wire } from "../shared/wire.js";
import { ProxiedCache } from "../support.js";
import { TIMEOUT_MS } from "./length.js";
import { areServed, compare, type Story } from "./stories.js";

/** What changes a connection, and what shows how it is. */
const COMMANDS: readonly string[] = [
  "HELLO",
  "HELLO 2",
  "HELLO 3",
  "HELLO 3",
  "HELLO 3 SETNAME me",
  "HELLO 9",
  "HELLO x",
  "RESET",
  "RESET x",
  "WATCH k",
  "UNWATCH",
  "SELECT 0",
  "SELECT 1",
  "CLIENT SETNAME me",
  "CLIENT GETNAME",
  "CLIENT TRACKING ON",
  "CLIENT TRACKING OFF",
  "CLIENT CACHING YES",
  "SUBSCRIBE news",
  "SUBSCRIBE news news",
  "SUBSCRIBE",
  "PSUBSCRIBE n*",
  "SSUBSCRIBE news",
  "UNSUBSCRIBE",
  "UNSUBSCRIBE news",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "PUBLISH news x",
  "SPUBLISH news x",
  "SET k 1",
  "INCR k",
  "GET k",
  "GET",
  "HSET h f v",
  "HGETALL h",
  "BLPOP none 0.001",
  "EVAL return{1,{2}} 0",
  "PING",
  "PING text",
  "NOSUCH x",
  "ASKING",
];
const TRANSACTIONS: readonly string[] = [
  "MULTI",
  "MULTI",
  "MULTI x",
  "EXEC",
  "EXEC",
  "EXEC x",
  "DISCARD",
  "DISCARD x",
];
/** In a transaction the proxy refuses it. */
const REPLY: readonly string[] = [
  "CLIENT REPLY OFF",
  "CLIENT REPLY SKIP",
  "CLIENT REPLY SKIP",
  "CLIENT REPLY ON",
  "CLIENT REPLY ON",
  "CLIENT REPLY x",
  "CLIENT REPLY",
];
const UNSUBSCRIBE: readonly string[] = ["UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"];
const END = "the-end";

/** Plays a story, up to a reply at its end or to the end of the connection. */
async function play(
  wire: Wire,
  told: Story,
  ending: readonly string[],
  between: () => Promise<void>,
): Promise<string[]> {
  for (const { lines, isAwaited } of told) {
    wire.write(...lines);
    if (isAwaited) await between();
  }
  wire.write(...ending, `PING ${END}`);
  const isOver = (): boolean => wire.frames.at(-1)?.includes(END) === true || wire.socket.destroyed;
  while (!isOver()) await wire.heard();
  wire.close();
  return wire.frames.map((frame) => {
    // Which of its reasons to refuse a command of a RESP2 subscriber Redis names first is a known difference.
    if (/^-(ERR|EXECABORT .*:) (Can't execute|unknown command|wrong number)/.test(frame)) return "refused";
    return frame.replace(/(?<=\$2\r\nid\r\n:)\d+/g, "n");
  });
}

test.for([
  ["transactions", [...COMMANDS, ...TRANSACTIONS], ["EXEC"]],
  ["replies switched off", [...COMMANDS, ...REPLY], [...UNSUBSCRIBE, "CLIENT REPLY ON"]],
] as const)(
  "whatever a client makes of its connection, with %s, it hears through the proxy what Redis says",
  { timeout: TIMEOUT_MS },
  async ([what, commands, ending], context) => {
    // Some of these connections could not be logged in again: with short tokens Azure would cut them.
    await using cache = await ProxiedCache.start();
    const server = await RedisProcess.start(context, { password: randomPassword() });
    // After a RESET a client is whom it was before.
    await server.command("ACL", "SETUSER", "default", "nopass");
    const direct = await Promise.all(Array.from({ length: 3 }, () => Wire.dial(server.port)));
    const others = await Promise.all(Array.from({ length: 3 }, () => Wire.dial(cache.address.port)));
    const admin = await Wire.dial(cache.address.port);
    await compare(`fuzzing of what changes a connection, with ${what}`, {
      commands,
      reset: async () => {
        await server.command("FLUSHALL");
        expect(await admin.say("FLUSHALL")).toBe("+OK\r\n");
      },
      direct: async (told) => play(await Wire.dial(server.port), told, ending, () => areServed(direct)),
      other: async (told) => play(await Wire.dial(cache.address.port), told, ending, () => areServed(others)),
    });
    for (const client of [admin, ...direct, ...others]) client.close();
  },
);
