import { afterEach, expect, test } from "vitest";
import { record } from "../support/record.js";
import { Load } from "./rotation-load.js";
import { ProxiedCache } from "./support.js";
import { LONG } from "./transparency/length.js";

const TIMEOUT_MS = LONG ? 300_000 : 60_000;
let cache: ProxiedCache | undefined;
afterEach(() => cache?.[Symbol.asyncDispose]());

/** How often every connection logs in again. */
const ROTATIONS = LONG ? 40 : 6;
/** A token lives for 3 s, and is replaced after 0.9 s. */
const TOKENS = { tokenLifetimeMs: 3_000 };
const LIFECYCLE = { expirationRefreshRatio: 0.3 };

test(
  "while tokens rotate, pipelines, transactions, watched keys, subscribers, blocked clients and caches of clients notice nothing",
  async () => {
    cache = await ProxiedCache.start(TOKENS, {}, LIFECYCLE);
    const load = await Load.start(cache);
    const { counters } = cache.proxy.status().instances[0]!;
    const startedAtMs = performance.now();
    let rounds = 0;
    const { azure, proxy } = cache;
    const reauthentications = (): number => proxy.status().instances[0]!.counters.reauthentications;
    const rotations = (): number => azure.events.filter(({ type }) => type === "tokenRequest").length - 1;
    while (rotations() < ROTATIONS || reauthentications() < ROTATIONS * counters.openClients) {
      await load.round(rounds);
      rounds += 1;
    }
    const figures = await load.end(rounds);
    record("rotations under load", {
      rotations: rotations(),
      reauthentications: reauthentications(),
      minutes: Math.round((performance.now() - startedAtMs) / 6_000) / 10,
      clients: counters.openClients,
      rounds,
      ...figures,
      failed: 0,
    });
    expect(expiries(cache)).toEqual([]);
  },
  TIMEOUT_MS,
);

/** Connections that Azure has cut. */
function expiries({ azure }: ProxiedCache): unknown[] {
  return azure.events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired");
}
