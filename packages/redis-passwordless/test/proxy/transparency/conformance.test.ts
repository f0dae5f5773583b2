import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { record } from "../../support/record.js";
import { compareSessions } from "./conform.js";
import { type KnownCommand, knownCommands, sessionsOf } from "./corpus.js";
import { LONG } from "./length.js";
import { proxiedWorld } from "./proxied-world.js";
import { directWorld, haproxyWorld, serverWorld, type World } from "./worlds.js";

/** The same calls in every run; a number of one's own makes others. */
const SEEDS = process.env["SEED"]?.split(",").map(Number) ?? (LONG ? [1, 2, 3, 4, 5] : [1]);
const VARIANTS = LONG ? 10 : 2;

/** Against another direct connection: what differs there is no fault of the proxy, and would need a mask. */
const RELAYS: readonly (readonly [string, () => Promise<World>])[] = [
  ["the proxy", proxiedWorld],
  ["the proxy, whose clients share connections", () => proxiedWorld({ instance: { pool: 2 } })],
  ...(LONG
    ? ([
        ["another direct connection", directWorld],
        ["haproxy", haproxyWorld],
        ["the server, without a gateway", serverWorld],
      ] as const)
    : []),
];

describe.each(RELAYS)("through %s", (name, start) => {
  let direct: World;
  let relayed: World;
  let commands: readonly KnownCommand[];

  beforeAll(async () => {
    [direct, relayed] = await Promise.all([directWorld(), start()]);
    commands = await knownCommands(direct.admin);
  });
  afterAll(async () => {
    await Promise.all([direct.close(), relayed.close()]);
  });

  test.for([2, 3] as const)(
    "every command is answered byte by byte as directly, in RESP%i",
    { timeout: 600_000 },
    async (protocol) => {
      for (const seed of SEEDS) {
        const sessions = sessionsOf(commands, { seed, variants: VARIANTS, together: 8 });
        const run = await compareSessions(direct, relayed, sessions, { protocol, seed });
        record(`conformance through ${name}`, {
          server: direct.azure.redis.server,
          protocol,
          seed,
          commands: commands.length,
          calls: run.calls,
          replyBytes: run.bytes,
          differences: run.differences.length,
        });
        expect(run.differences.slice(0, 5), `seed ${seed}`).toEqual([]);
        expect(commands.length).toBeGreaterThan(300);
        expect(run.calls).toBeGreaterThan(5 * commands.length);
      }
    },
  );
});
