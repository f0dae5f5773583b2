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
 * Tokens are replaced every half second, and live long enough for a transaction; and for CLIENT REPLY, after which the
 * gateway cannot tell which login was accepted, and holds to the end of an earlier token.
 */
const TOKEN_LIFETIME_MS = 8_000;
const REFRESH_RATIO = 0.0625;

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

/**
 * Resolves when a new token has reached all connections; or when the next one is there: those in a transaction, for
 * instance, get it later.
 */
async function rotation({ proxy }: ProxiedWorld): Promise<void> {
  let arrived: unknown;
  let due = 0;
  let reached = 0;
  const listening: Disposable[] = [];
  await new Promise<void>((resolve) => {
    listening.push(
      proxy.on("tokenRefreshed", ({ token }) => {
        if (arrived !== undefined) return resolve();
        arrived = token;
        due = proxy.status().instances[0]!.counters.openUpstreams;
      }),
      proxy.on("reauthenticated", ({ token }) => {
        if (token !== arrived) return;
        reached += 1;
        if (reached >= due) resolve();
      }),
    );
  });
  for (const one of listening) one[Symbol.dispose]();
}

describe.concurrent.each([2, 3] as const)(
  "RESP%i, while a new token arrives every half second",
  (protocol) => {
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
      // Those that came while the proxied conversation was under way.
      const seen = { isTalking: false, rotations: 0 };
      const listening = proxied.proxy.on("reauthenticated", () => {
        if (seen.isTalking) seen.rotations += 1;
      });
      let calls = 0;
      for (let seed = 1; seen.rotations < ROTATIONS; seed++) {
        const session = inOne(sessionsOf(commands, { seed, variants: 1, together: 8 }));
        const random = seededRandom(seed);
        const pieces = cut(encodeSession(session, protocol, random), random, session.calls.length);
        await Promise.all([direct.reset(), proxied.reset()]);
        const [expected, actual] = await Promise.all([
          converse(await direct.connect(), pieces),
          proxied.connect().then((socket) => {
            seen.isTalking = true;
            return converse(socket, pieces).finally(() => {
              seen.isTalking = false;
            });
          }),
        ]);
        expect(differences(session, protocol, expected, actual).slice(0, 5), `seed ${seed}`).toEqual([]);
        calls += session.calls.length;
      }
      listening[Symbol.dispose]();
      const { events } = proxied.azure;
      const ended = events.filter(
        (event) => event.type === "disconnected" && event.reason === "tokenExpired",
      );
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
  },
);
