import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { decodeReply, type Reply } from "../../../src/inband/reply.js";
import { COMMANDS_QUESTION, CommandTable } from "../../../src/proxy/shared/command-table.js";
import { keyPositions } from "../../../src/proxy/shared/keys.js";
import { RedisProcess, randomPassword, type TestContext } from "../../support/redis-processes.js";
import { Wire } from "./wire.js";

/** Commands whose keys are where their arguments say, in every form that moves them. */
const MOVING = [
  "EVAL return 2 a b c",
  "EVAL return 0",
  "evalsha 5c1f 1 a b c",
  "EVAL_RO return 1 a",
  "EVALSHA_RO 5c1f 1 a b",
  "FCALL f 2 a b c",
  "FCALL_RO f 1 a",
  "ZUNION 2 a b WEIGHTS 1 2",
  "ZINTER 1 a WITHSCORES",
  "ZDIFF 2 a b",
  "ZINTERCARD 2 a b LIMIT 3",
  "SINTERCARD 2 a b",
  "LMPOP 2 a b LEFT",
  "ZMPOP 1 a MIN",
  "BLMPOP 0 2 a b LEFT",
  "BZMPOP 0 1 a MIN COUNT 2",
  "ZUNIONSTORE d 2 a b AGGREGATE MAX",
  "ZINTERSTORE d 1 a",
  "ZDIFFSTORE d 2 a b",
  "XREAD COUNT 2 BLOCK 10 STREAMS a b 0 $",
  "XREAD STREAMS streams 0",
  "XREADGROUP GROUP streams block NOACK STREAMS a >",
  "XREADGROUP GROUP g c COUNT 1 BLOCK 0 STREAMS a b > >",
  "SORT a",
  "SORT a BY store GET STORE LIMIT 0 1 STORE d ALPHA",
  "SORT a STORE d STORE e",
  "SORT_RO a BY nosort",
  "GEORADIUS a 1 2 3 m",
  "GEORADIUS a 1 2 3 m STORE d",
  "GEORADIUS a 1 2 3 m COUNT 2 STOREDIST d",
  "GEORADIUSBYMEMBER a m 3 km STOREDIST d",
  "GEORADIUSBYMEMBER_RO a m 3 km",
  "MIGRATE h 1 a 0 10",
  "MIGRATE h 1 a 0 10 COPY REPLACE",
  "MSET a 1 b 2",
  "BITOP AND d a b",
  "LCS a b",
  "OBJECT ENCODING a",
  "MEMORY USAGE a",
  "XINFO STREAM a",
  "XGROUP CREATE a g $",
  "PFCOUNT a b c",
  "BLPOP a b 0",
  "LMOVE a b LEFT RIGHT",
  "GEOSEARCHSTORE d a FROMMEMBER m BYRADIUS 1 m",
  "SINTERSTORE d a b",
  "COPY a b",
] as const;

async function server(test: TestContext): Promise<RedisProcess> {
  return RedisProcess.start(test, { password: randomPassword() });
}

async function tableOf(server: RedisProcess): Promise<{ table: CommandTable; answer: Reply }> {
  const wire = await Wire.open(server);
  const answer = decodeReply(await wire.ask(...COMMANDS_QUESTION));
  wire.close();
  return { table: CommandTable.from(answer), answer };
}

const buffers = (args: readonly string[]): Buffer[] => args.map((arg) => Buffer.from(arg));

describe("where keys are", () => {
  test("is what the server says, for each of its commands and each way to write them", async (t) => {
    const redis = await server(t);
    const { table, answer } = await tableOf(redis);
    const all = answer as readonly (readonly Reply[])[];
    const isMoving = ([, , flags]: readonly Reply[]): boolean => (flags as Reply[]).includes("movablekeys");
    const covered = new Set<Reply>(MOVING.map((line) => line.split(" ")[0]?.toLowerCase() ?? ""));
    expect(all.filter((one) => isMoving(one) && !covered.has(one[0] ?? "")).map(([name]) => name)).toEqual(
      [],
    );
    const names = all
      .filter((one) => !isMoving(one))
      .flatMap(([name, arity]) =>
        [0, 1, 2].map((more) => {
          const length = Math.abs(Number(arity)) + more;
          return [String(name), ...Array.from({ length: length - 1 }, (_, index) => `a${index + 1}`)].join(
            " ",
          );
        }),
      );
    let compared = 0;
    for (const line of [...MOVING, ...names]) {
      const args = line.split(" ");
      const keys = await redis.command("COMMAND", "GETKEYS", ...args).catch(() => undefined);
      if (keys === undefined) continue;
      const facts = table.find(buffers(args));
      expect(facts, line).toBeDefined();
      const positions = facts && keyPositions(facts, buffers(args));
      expect([line, positions?.map((at) => args[at]).sort()]).toEqual([line, [...(keys as string[])].sort()]);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(250);
  });

  test("is known without asking, just as well", async (t) => {
    const { table } = await tableOf(await server(t));
    for (const line of MOVING) {
      const args = buffers(line.split(" "));
      const [known, told] = [CommandTable.known().find(args), table.find(args)];
      expect(known && keyPositions(known, args), line).toEqual(told && keyPositions(told, args));
    }
  });

  test("is unknown where the arguments make no sense", () => {
    const table = CommandTable.known();
    for (const line of [
      "EVAL return 3 a",
      "EVAL return -1",
      "EVAL return x a",
      "XREAD STREAMS a b 0",
      "MSET",
      "GET",
    ]) {
      const args = buffers(line.split(" "));
      const facts = table.find(args);
      expect(facts && keyPositions(facts, args), line).toBeUndefined();
    }
  });

  test("includes several keys that MIGRATE names behind an empty one, and each key of MSETEX", () => {
    const table = CommandTable.known();
    const migrate = buffers(["MIGRATE", "h", "1", "", "0", "10", "AUTH", "KEYS", "KEYS", "a", "b"]);
    const facts = table.find(migrate);
    expect(facts && keyPositions(facts, migrate)).toEqual([9, 10]);
    const told = CommandTable.from([["msetex", -4, ["write", "movablekeys"], 0, 0, 0]]);
    const msetex = buffers(["MSETEX", "2", "a", "1", "b", "2", "EX", "10"]);
    const fresh = told.find(msetex);
    expect(fresh && keyPositions(fresh, msetex)).toEqual([2, 4]);
  });
});

test("a server without the right to COMMAND is taken for an ordinary one", async (t) => {
  const redis = await server(t);
  await redis.command("ACL", "SETUSER", "somebody", "on", "nopass", "+@all", "-command");
  const client = createClient({ socket: { port: redis.port }, username: "somebody", password: "x" });
  await client.connect();
  const error: unknown = await client.sendCommand(["COMMAND"]).catch((caught: unknown) => caught);
  client.destroy();
  expect(String(error)).toContain("NOPERM");
  const wire = await Wire.open(redis);
  await wire.ask("AUTH", "somebody", "x");
  expect(CommandTable.from(decodeReply(await wire.ask("COMMAND")))).toBe(CommandTable.known());
  wire.close();
});

test("a module's command is known once its server has told of it", () => {
  expect(CommandTable.known().named("JSON.SET")).toBeUndefined();
  const table = CommandTable.from([["json.set", -4, ["write", "module"], 1, 1, 1]]);
  expect(table.named("json.set")).toMatchObject({ name: "JSON.SET", isWrite: true, firstKey: 1 });
  expect(table.named("Get")).toMatchObject({ name: "GET", isReadOnly: true, arity: 2 });
});
