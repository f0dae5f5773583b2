import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.js";
import {
  examine,
  examineIdentities,
  reportText,
  STEP_NAMES,
  watchRotation,
} from "../../../src/diagnose/index.js";
import { type Schema, violations } from "../../support/json-schema.js";
import { address, type Examined, examined, principal, surroundings } from "./examined.js";

const schema = JSON.parse(
  readFileSync(new URL("../../../../../docs/doctor.schema.json", import.meta.url), "utf8"),
) as Schema;
const page = readFileSync(new URL("../../../../../docs/doctor.md", import.meta.url), "utf8");

const SECRET = "9zK~secret-of-an-application";
const KEY = "the/access/key/of/the/cache=";

let azure: Emulator;
let cluster: Emulator;
beforeAll(async () => {
  [azure, cluster] = await Promise.all([
    startEmulator({ tokenLifetimeMs: 2_000, redis: { accessKey: KEY } }),
    startEmulator({ redis: { cluster: { announce: "ip" } } }),
  ]);
});
afterAll(() => Promise.all([azure.close(), cluster.close()]));
afterEach(async () => {
  azure.clearFaults();
  await cluster.redis.useCertificate(1, null);
});

/** As the command line prints it, and what else may be printed of it. */
function expectSound(report: Parameters<typeof reportText>[0]): void {
  const json = JSON.stringify(report);
  expect(violations(schema, JSON.parse(json))).toEqual([]);
  const style = { colours: true, columns: 80, verbose: true };
  const all = `${json}${inspect(report, { depth: Infinity })}${reportText(report, style)}`;
  expect(all).not.toMatch(/eyJ[\w-]{8}/);
  expect(all).not.toContain(SECRET);
  expect(all).not.toContain(KEY);
}

describe("what is reported fits the schema, and holds no secret", () => {
  const withSecret = () => principal(azure, { clientId: azure.servicePrincipal.clientId, secret: SECRET });
  const situations: readonly (readonly [string, () => Emulator, () => Examined])[] = [
    ["a healthy cache", () => azure, () => ({})],
    ["a healthy cluster", () => cluster, () => ({})],
    ["a wrong secret", () => azure, () => ({ identity: withSecret() })],
    ["a wrong name", () => azure, () => ({ endpoint: `127.0.0.1:${azure.redis.port}` })],
    ["no server", () => azure, () => ({ endpoint: "" })],
    [
      "a refused login",
      () => azure,
      () => ({ identity: principal(azure, azure.addServicePrincipal({ accessPolicy: null })) }),
    ],
    [
      "a managed identity by the wrong ID",
      () => azure,
      () => ({ identity: { managedIdentity: { clientId: azure.userIdentity.objectId } } }),
    ],
  ];
  test.each(situations)("%s", async (_, cache, init) => {
    expectSound(await examined(cache(), init()));
  });

  test("a node that is not the cluster's", async () => {
    await cluster.redis.useCertificate(1, ["other.example"]);
    expectSound(await examined(cluster));
  });

  test("an access key", async () => {
    for (const password of [KEY, `${KEY}${SECRET}`]) {
      const env = { AZURE_REDIS_HOST: address(azure), AZURE_REDIS_PASSWORD: password };
      const around = { env, clock: systemClock, random: Math.random };
      expectSound(await examine({ connection: {}, ca: azure.caCertificate }, around));
    }
  });

  test("several identities", async () => {
    const candidates = [
      { name: "system", options: { managedIdentity: true }, isAvailable: "yes" },
      { name: "principal", options: withSecret(), isAvailable: "maybe" },
    ] as const;
    const options = { connection: { endpoint: address(azure) }, ca: azure.caCertificate };
    expectSound(await examineIdentities(candidates, options, surroundings(azure)));
  });

  test("a rotation, and each of its events", async () => {
    const connection = { endpoint: address(azure), entraId: { managedIdentity: true as const } };
    const report = await watchRotation({ connection, ca: azure.caCertificate }, surroundings(azure));
    expectSound(report);
    for (const event of report.events) {
      expect(violations(schema, JSON.parse(JSON.stringify(event)))).toEqual([]);
    }
  });
});

describe("the page on the doctor", () => {
  test("has every step", () => {
    const named = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(named).toEqual(expect.arrayContaining([...STEP_NAMES]));
  });

  test("has every field of the schema", () => {
    const fields = Object.values(schema.$defs ?? {}).flatMap(({ properties = {} }) =>
      Object.keys(properties),
    );
    const missing = [...new Set(fields)].filter((name) => !page.includes(`\`${name}\``));
    expect(missing).toEqual([]);
  });
});
