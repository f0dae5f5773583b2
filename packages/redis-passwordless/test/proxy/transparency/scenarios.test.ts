import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scenarioDifferences } from "./compare.js";
import { LONG } from "./length.js";
import { type ProxiedWorld, proxiedWorld } from "./proxied-world.js";
import { CONNECTION, WIRE } from "./scenarios-connection.js";
import { BLOCKING, SUBSCRIPTIONS, TRANSACTIONS } from "./scenarios-data.js";
import { played, type Scenario } from "./stage.js";
import { directWorld, type World } from "./worlds.js";

const SCENARIOS: readonly Scenario[] = [
  ...TRANSACTIONS,
  ...SUBSCRIPTIONS,
  ...BLOCKING,
  ...CONNECTION,
  ...WIRE,
];

const RELAYS: readonly (readonly [string, () => Promise<ProxiedWorld>])[] = [
  ["the proxy", proxiedWorld],
  ...(LONG
    ? ([
        ["the proxy, whose clients share connections", () => proxiedWorld({ instance: { pool: 2 } })],
      ] as const)
    : []),
];

describe.each(RELAYS)("through %s", (_, start) => {
  let direct: World;
  let proxied: ProxiedWorld;

  beforeAll(async () => {
    [direct, proxied] = await Promise.all([directWorld(), start()]);
  });
  afterAll(async () => {
    await Promise.all([direct.close(), proxied.close()]);
  });

  describe.each([2, 3] as const)("as directly, in RESP%i", (protocol) => {
    test.for(SCENARIOS)("$name", async (scenario) => {
      await Promise.all([direct.reset(), proxied.reset()]);
      const [expected, actual] = await Promise.all([
        played(scenario, protocol, direct),
        played(scenario, protocol, proxied),
      ]);
      expect(expected.get("(failure)")).toBeUndefined();
      expect(scenarioDifferences(expected, actual, scenario.masks)).toEqual([]);
    });
  });
});
