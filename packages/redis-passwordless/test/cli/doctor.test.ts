import { createServer } from "node:net";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DoctorReport, IdentitiesReport, WatchEvent, WatchReport } from "../../src/diagnose/report.js";
import { run, start } from "./command-line.js";

let azure: Emulator;
let endpoint: string;

beforeAll(async () => {
  azure = await startEmulator({ redis: { accessKey: true } });
  endpoint = `localhost:${azure.redis.port}`;
});
afterAll(() => azure.close());

describe.concurrent("doctor", () => {
  test("prints one screen and ends with 0 when all is well; the cache is an argument, a flag or a variable", async () => {
    const env = azure.env();
    const { code, stdout, stderr } = await run(["doctor", endpoint], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^Healthy/m);
    expect(stdout.trim().split("\n").length).toBeLessThanOrEqual(24);
    const others = [
      run(["doctor", "--endpoint", endpoint], { env }),
      run(["doctor", "--", endpoint], { env }),
      run(["doctor"], { env: { ...env, REDIS_PASSWORDLESS_ENDPOINT: endpoint } }),
      run(["doctor"], { env: azure.env(azure.systemIdentity, { serviceConnector: true }) }),
    ];
    for (const other of await Promise.all(others)) expect(other).toMatchObject({ code: 0, stderr: "" });
  });

  test("a finding is exit code 1, in text and as one JSON document", async () => {
    const env = { ...azure.env(azure.servicePrincipal), AZURE_CLIENT_SECRET: "not-the-secret-1" };
    const text = await run(["doctor", endpoint], { env });
    expect(text).toMatchObject({ code: 1, stderr: "" });
    expect(text.stdout).toMatch(/^Diagnosis \(certain\): .*\nRemedy: /m);
    const json = await run(["doctor", endpoint, "--json"], { env });
    expect(json).toMatchObject({ code: 1, stderr: "" });
    const report = JSON.parse(json.stdout) as DoctorReport;
    expect(report).toMatchObject({ kind: "doctor", isHealthy: false });
    expect(report.findings[0]).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_REJECTED" });
  });

  test("--verbose tells each step on standard error; the JSON stays alone on standard output", async () => {
    const env = azure.env();
    const text = await run(["doctor", endpoint, "--verbose"], { env });
    expect(text.stderr.trim().split("\n").length).toBe(15);
    const json = await run(["doctor", endpoint, "--verbose", "--json"], { env });
    expect(JSON.parse(json.stdout)).toMatchObject({ isHealthy: true });
  });

  test("an access key stays one when --ca says whom to trust", async () => {
    const { NODE_EXTRA_CA_CERTS: file, ...env } = azure.env(azure.systemIdentity, {
      serviceConnector: true,
      accessKey: true,
    });
    const { code, stdout } = await run(["doctor", "--json", "--ca", file!], { env });
    expect(stdout).not.toContain(azure.redis.accessKey);
    expect({ code, identity: (JSON.parse(stdout) as DoctorReport).identity }).toEqual({
      code: 0,
      identity: undefined,
    });
  });

  test("--all-identities has a row for each that is here", async () => {
    const { stdout, code } = await run(["doctor", endpoint, "--all-identities", "--json"], {
      env: { ...azure.env(azure.servicePrincipal), AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost },
    });
    const { identities } = JSON.parse(stdout) as IdentitiesReport;
    expect(code).toBe(0);
    expect(identities.filter(({ login }) => login === "accepted").map(({ name }) => name)).toEqual([
      "environment",
      "managed identity, system-assigned",
      "service principal (AZURE_CLIENT_SECRET)",
    ]);
  });

  test("--watch --json is one object per line, the report last", async () => {
    await using cloud = await startEmulator({ tokenLifetimeMs: 3_000 });
    const { code, stdout } = await run(["doctor", `localhost:${cloud.redis.port}`, "--watch", "--json"], {
      env: cloud.env(),
    });
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as WatchEvent | WatchReport);
    const report = lines.pop() as WatchReport;
    expect({ code, kind: report.kind, outcome: report.outcome }).toEqual({
      code: 0,
      kind: "watch",
      outcome: "survived",
    });
    expect(lines.map((line) => (line as WatchEvent).name)).toContain("tokenRefreshed");
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("%s ends it with exit code %i, and what is known by then", async (signal, exitCode) => {
    let reached: () => void = () => {};
    const connected = new Promise<void>((resolve) => {
      reached = resolve;
    });
    // Accepts, and says nothing.
    const silent = createServer((socket) => {
      socket.on("error", () => {});
      reached();
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const { child, ended } = start(["doctor", `localhost:${port}`, "--json"], { env: azure.env() });
    await connected;
    child.kill(signal);
    const { code, stdout } = await ended;
    silent.close();
    expect(code).toBe(exitCode);
    expect(JSON.parse(stdout)).toMatchObject({ kind: "doctor", isHealthy: false });
  });
});
