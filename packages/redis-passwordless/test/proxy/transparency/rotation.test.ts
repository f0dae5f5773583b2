import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../support/random.js";
import { record } from "../../support/record.js";
import { cut } from "./chunks.js";
import { differences, encodeSession, scenarioDifferences } from "./compare.js";
import { type Call, knownCommands, type Session, sessionsOf } from "./corpus.js";
import { converse } from "./exchange.js";
import { LONG } from "./length.js";
import { type ProxiedWorld, proxiedWorld } from "./proxied-world.js";
import { CONNECTION, WIRE } from "./scenarios-connection.js";
import { BLOCKING, SUBSCRIPTIONS, TRANSACTIONS } from "./scenarios-data.js";
import { played, type Scenario } from "./stage.js";
import { directWorld, type World } from "./worlds.js";

/**
 * Tokens are replaced every second, and live long enough for a transaction; and for CLIENT REPLY, after which the
 * gateway cannot tell which login was accepted, and holds to the end of an earlier token.
 */
const TOKEN_LIFETIME_MS = 8_000;
const REFRESH_RATIO = 0.125;

/** How long a rotation may take to reach a connection, beside others that it does not reach, in milliseconds. */
const SPREAD_MS = 100;

/** How long one conversation with all commands lasts, in rotations. */
const ROTATIONS = LONG ? 60 : 1;

const ALL: readonly Scenario[] = [...TRANSACTIONS, ...SUBSCRIPTIONS, ...BLOCKING, ...CONNECTION, ...WIRE];
/** Those that meet most states of a connection; with `LONG=1` all. */
const PLAYED: readonly Scenario[] = LONG
  ? ALL
  : ALL.filter(({ name }) =>
      /^(WATCH|channels|blocked until somebody|MONITOR of|CLIENT (REPLY|TRACKING)|commands that arrive)/.test(
        name,
      ),
    );

/** Commands that leave the connection as it is, one after the other on one connection. */
function inOne(sessions: readonly Session[]): Session {
  const calls: Call[] = sessions.filter(({ name }) => name.includes(" ")).flatMap(({ calls }) => calls);
  return { name: "all commands", calls };
}

/** A long conversation is spread over as much time as tokens need to change in it. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}

/** Resolves when a new token is there and had time to reach the connections that may have it now. */
async function rotation({ proxy }: ProxiedWorld): Promise<void> {
  await new Promise<void>((resolve) => {
    const listening = proxy.on("tokenRefreshed", () => {
      listening[Symbol.dispose]();
      resolve();
    });
  });
  // A connection in a transaction tells nothing: it gets the token later.
  await new Promise((resolve) => setTimeout(resolve, SPREAD_MS));
}

describe.concurrent.each([2, 3] as const)("RESP%i, while a new token arrives every second", (protocol) => {
  let direct: World;
  let proxied: ProxiedWorld;

  beforeAll(async () => {
    [direct, proxied] = await Promise.all([
      directWorld(),
      proxiedWorld({
        tokenLifetimeMs: TOKEN_LIFETIME_MS,
        identity: { expirationRefreshRatio: REFRESH_RATIO },
      }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([direct.close(), proxied.close()]);
  });

  // One after the other: they share a server.
  test("replies are those of a direct connection", { timeout: 900_000 }, async () => {
    for (const scenario of PLAYED) {
      await Promise.all([direct.reset(), proxied.reset()]);
      const since = proxied.azure.events.length;
      const [expected, actual] = await Promise.all([
        played(scenario, protocol, direct),
        played(scenario, protocol, proxied, () => rotation(proxied)),
      ]);
      expect(expected.get("(failure)"), scenario.name).toBeUndefined();
      const ends = proxied.azure.events.slice(since).flatMap((event) => {
        return event.type === "disconnected" ? [`${event.connectionId} by ${event.reason}`] : [];
      });
      const found = scenarioDifferences(expected, actual, scenario.masks);
      expect(found, `${scenario.name}; connections ended: ${ends.join(", ")}`).toEqual([]);
    }

    const commands = await knownCommands(direct.admin);
    const seen = { rotations: 0 };
    const listening = proxied.proxy.on("reauthenticated", () => {
      seen.rotations += 1;
    });
    let calls = 0;
    for (let seed = 1; seen.rotations < ROTATIONS; seed++) {
      const session = inOne(sessionsOf(commands, { seed, variants: 1, together: 8 }));
      const random = seededRandom(seed);
      const pieces = cut(encodeSession(session, protocol, random), random, session.calls.length);
      await Promise.all([direct.reset(), proxied.reset()]);
      const [expected, actual] = await Promise.all([
        converse(await direct.connect(), pieces),
        converse(await proxied.connect(), pieces, { pause }),
      ]);
      expect(differences(session, protocol, expected, actual).slice(0, 5), `seed ${seed}`).toEqual([]);
      calls += session.calls.length;
    }
    listening[Symbol.dispose]();
    const { events } = proxied.azure;
    const ended = events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired");
    record("conformance during rotations", {
      server: direct.azure.redis.server,
      protocol,
      scenarios: PLAYED.length,
      calls,
      rotations: seen.rotations,
      refreshes: events.filter(({ type }) => type === "tokenRequest").length,
      cut: ended.length,
      differences: 0,
    });
    expect(ended).toEqual([]);
  });
});
