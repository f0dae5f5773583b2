import { type Emulator, startEmulator } from "azure-redis-emulator";
import { createClient } from "redis";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/core/clock.js";
import { type DoctorReport, examine, reportText, STEP_NAMES } from "../../../src/diagnose/index.js";
import { address, examined, notOk, principal, step } from "./examined.js";

async function keysOf(azure: Emulator): Promise<readonly string[]> {
  const client = await createClient({ url: azure.redis.backendUrl }).connect();
  try {
    return await client.keys("*");
  } finally {
    client.destroy();
  }
}

function expectHealthy(report: DoctorReport): void {
  expect(report.findings).toEqual([]);
  expect(report.isHealthy).toBe(true);
}

describe.concurrent("a healthy set-up has no finding", () => {
  test.each(["managedRedis", "cacheForRedis"] as const)("on %s", async (product) => {
    await using azure = await startEmulator({ redis: { product } });
    const report = await examined(azure, { identity: principal(azure) });
    expectHealthy(report);
    expect(report.steps.map(({ name }) => name)).toEqual(STEP_NAMES);
    expect(notOk(report)).toEqual(["nodes skipped"]);
    expect(step(report, "topology").facts["topology"]).toBe("single");
    expect(await keysOf(azure)).toEqual([]);
  });

  test("on an OSS cluster whose nodes are announced by addresses that lead nowhere", async () => {
    await using azure = await startEmulator({ redis: { cluster: { announce: "unreachableIp" } } });
    const report = await examined(azure);
    expectHealthy(report);
    expect(notOk(report)).toEqual([]);
    expect(step(report, "topology").facts["clients"]).toContain("createCluster(azureRedisCluster())");
    const nodes = step(report, "nodes").facts["nodes"] as readonly {
      isReached: boolean;
      reachedAt: string;
    }[];
    expect(nodes.map(({ reachedAt }) => reachedAt).sort()).toEqual(
      azure.redis.nodes.map(({ port }) => `localhost:${port}`).sort(),
    );
    expect(nodes.every(({ isReached }) => isReached)).toBe(true);
    // A key was found that the node at the endpoint has: otherwise it could not have been written there.
    expect(step(report, "permissions").facts["verdicts"]).toMatchObject({
      read: "allowed",
      write: "allowed",
    });
  });

  test("behind the Enterprise policy", async () => {
    await using azure = await startEmulator({ redis: { cluster: { policy: "enterprise" } } });
    const report = await examined(azure);
    expectHealthy(report);
    expect(step(report, "topology").facts["clients"]).toContain("createClient(azureRedis())");
  });

  test("with an access key, which needs no token and no second login", async () => {
    await using azure = await startEmulator({ redis: { accessKey: true } });
    const env = azure.env(azure.systemIdentity, { serviceConnector: true, accessKey: true });
    const report = await examine(
      { connection: {}, ca: azure.caCertificate },
      { env, clock: systemClock, random: Math.random },
    );
    expectHealthy(report);
    expect(notOk(report)).toEqual([
      "identityProvider skipped",
      "token skipped",
      "claims skipped",
      "nodes skipped",
      "reauthentication skipped",
    ]);
  });
});

describe("what a healthy report says", () => {
  test("fits on a screen of 24 lines and 80 columns", async () => {
    await using azure = await startEmulator();
    const text = reportText(await examined(azure), { colours: false, columns: 80 });
    const lines = text.split("\n");
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toMatch(/\nHealthy \(\d+ ms\)\.\n$/);
  });

  test("the steps are told in their order while it runs", async () => {
    await using azure = await startEmulator();
    const told: string[] = [];
    const watch = { onStep: ({ name }: { readonly name: string }) => void told.push(name) };
    const connection = { endpoint: address(azure), entraId: principal(azure) };
    const around = { env: {}, clock: systemClock, random: Math.random };
    const { steps } = await examine({ connection, ca: azure.caCertificate }, around, watch);
    expect(told).toEqual(STEP_NAMES);
    expect(steps.map(({ name }) => name)).toEqual(STEP_NAMES);
  });

  test("a token out of a cache is told from a fresh one", async () => {
    await using azure = await startEmulator();
    const minutes = (count: number) => Math.floor(Date.now() / 1_000) + count * 60;
    const tokenOf = (iat: number) => async () => ({
      token: await azure.issueToken(azure.systemIdentity.objectId, { iat, nbf: iat, exp: minutes(30) }),
    });
    const fresh = await examined(azure, { identity: { identityProvider: tokenOf(minutes(-1)) } });
    const old = await examined(azure, { identity: { identityProvider: tokenOf(minutes(-30)) } });
    expect(step(fresh, "token").facts["isCached"]).toBe(false);
    expect(step(old, "token").facts["isCached"]).toBe(true);
    expect(step(old, "token").summary).toContain("30 min old");
  });
});

describe("reading only", () => {
  test("writes and publishes nothing", async () => {
    await using azure = await startEmulator();
    const client = await createClient({ url: azure.redis.backendUrl }).connect();
    const commands: string[] = [];
    await using _closing = { [Symbol.asyncDispose]: async () => client.destroy() };
    const before = await client.info("commandstats");
    const report = await examined(azure, { isReadOnly: true });
    const after = await client.info("commandstats");
    expectHealthy(report);
    for (const name of ["get", "set", "del", "publish"]) {
      const called = (info: string) => new RegExp(`^cmdstat_${name}:calls=(\\d+)`, "m").exec(info)?.[1];
      if (called(before) !== called(after)) commands.push(name);
    }
    expect(commands).toEqual(["get"]);
    expect(step(report, "permissions").facts["verdicts"]).toMatchObject({
      write: "notTried",
      publish: "notTried",
    });
  });
});
