import { startEmulator } from "azure-redis-emulator";
import { describe, expect, test } from "vitest";
import { reportText, type WatchEvent, watchRotation } from "../../../src/diagnose/index.js";
import { address, surroundings } from "./examined.js";

const TOKEN_LIFETIME_MS = 2_000;
const managed = { managedIdentity: true } as const;

describe.concurrent("staying through a rotation", () => {
  test("the connection outlives its first token, and says how", async () => {
    await using azure = await startEmulator({ tokenLifetimeMs: TOKEN_LIFETIME_MS });
    const connection = { endpoint: address(azure), entraId: managed };
    const told: WatchEvent[] = [];
    const report = await watchRotation({ connection, ca: azure.caCertificate }, surroundings(azure), {
      onEvent: (event) => told.push(event),
    });
    expect(report.outcome).toBe("survived");
    expect(report.rotations).toBeGreaterThanOrEqual(1);
    expect(report.reauthentications).toBeGreaterThanOrEqual(1);
    expect(report.tightestMs).toBeGreaterThan(0);
    expect(report.commands.failed).toBe(0);
    expect(report.events.at(-1)).toMatchObject({ name: "survived", facts: { isSameConnection: true } });
    expect(told).toEqual(report.events);
    const text = reportText(report, { colours: false, columns: 120 });
    expect(text).toContain("Survived");
    expect(`${JSON.stringify(report)}${text}`).not.toMatch(/eyJ/);
  });

  test("a refresh that fails for good ends it, with the cause", async () => {
    await using azure = await startEmulator({ tokenLifetimeMs: TOKEN_LIFETIME_MS });
    const connection = { endpoint: address(azure), entraId: managed };
    const report = await watchRotation({ connection, ca: azure.caCertificate }, surroundings(azure), {
      onEvent({ name }) {
        if (name === "connected") azure.injectFault("imds", { kind: "status", status: 500 });
      },
    });
    expect(report.outcome).toBe("failed");
    expect(report.isHealthy).toBe(false);
    expect(report.findings[0]?.rule).toBe("managed-identity-failing");
    expect(report.events.map(({ name }) => name)).toContain("refreshFailing");
    expect(report.commands.failed).toBe(1);
  });

  test("it does not begin where the login fails", async () => {
    await using azure = await startEmulator();
    await azure.revoke(azure.systemIdentity.objectId);
    const connection = { endpoint: address(azure), entraId: managed };
    const report = await watchRotation({ connection, ca: azure.caCertificate }, surroundings(azure));
    expect([report.outcome, report.findings[0]?.rule]).toEqual(["failed", "access-policy-missing"]);
    expect(report.events).toEqual([]);
  });

  test("it can be stopped", async () => {
    await using azure = await startEmulator();
    const connection = { endpoint: address(azure), entraId: managed };
    const stop = new AbortController();
    const report = await watchRotation({ connection, ca: azure.caCertificate }, surroundings(azure), {
      signal: stop.signal,
      onEvent: ({ name }) => name === "connected" && stop.abort(),
    });
    expect([report.outcome, report.isHealthy, report.findings]).toEqual(["stopped", true, []]);
  });

  test("an access key has no end to be watched", async () => {
    await using azure = await startEmulator({ redis: { accessKey: true } });
    const env = azure.env(azure.systemIdentity, { serviceConnector: true, accessKey: true });
    const watching = watchRotation({ connection: {}, ca: azure.caCertificate }, surroundings(azure, env));
    await expect(watching).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_INVALID_OPTION" });
  });
});
