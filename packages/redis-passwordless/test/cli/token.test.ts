import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TokenReport } from "../../src/diagnose/token-report.js";
import { run, start } from "./command-line.js";

let azure: Emulator;
let folder: string;

beforeAll(async () => {
  azure = await startEmulator();
  folder = mkdtempSync(join(tmpdir(), "cli-token-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await azure.close();
});

const reported = (stdout: string) => JSON.parse(stdout) as TokenReport;

/** Puts an `az` first on PATH that answers with this token. */
function azureCli(bin: string, accessToken: string): string {
  mkdirSync(bin);
  const answer = { accessToken, expires_on: Math.floor(Date.now() / 1000) + 3600, tokenType: "Bearer" };
  writeFileSync(join(bin, "answer.json"), JSON.stringify(answer));
  writeFileSync(join(bin, "az"), `#!/bin/sh\ncat '${join(bin, "answer.json")}'\n`);
  chmodSync(join(bin, "az"), 0o755);
  return `${bin}${delimiter}${process.env["PATH"]}`;
}

describe.concurrent("token", () => {
  test("shows whose token it is, from where, and until when", async () => {
    const { objectId, clientId } = azure.systemIdentity;
    const { code, stdout, stderr } = await run(["token"], { env: azure.env() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(new RegExp(`^Redis user name +${objectId}$`, "m"));
    expect(stdout).toMatch(new RegExp(`^Tenant +${azure.tenantId}$`, "m"));
    expect(stdout).toMatch(new RegExp(`^Client ID +${clientId}$`, "m"));
    expect(stdout).toMatch(/^Audience +https:\/\/redis\.azure\.com$/m);
    expect(stdout).toMatch(/^Expires +\S+Z \(in (?:59|60) min\)$/m);
    expect(stdout).toMatch(/^Received +in \d+ ms, fresh$/m);
    expect(stdout).toMatch(/^Identity +system-assigned managed identity$/m);
    expect(stdout).toMatch(/^because of +AZURE_POD_IDENTITY_AUTHORITY_HOST is set$/m);
  });

  test("--json has the same for machines", async () => {
    const { objectId, clientId } = azure.servicePrincipal;
    const { code, stdout } = await run(["token", "--json"], { env: azure.env(azure.servicePrincipal) });
    expect(code).toBe(0);
    const report = reported(stdout);
    expect(report).toMatchObject({
      schema: 1,
      kind: "token",
      username: objectId,
      objectId,
      clientId,
      tenantId: azure.tenantId,
      audience: "https://redis.azure.com",
      identityType: "app",
      isFromCache: false,
      authorityHost: azure.authorityHost,
      identity: { kind: "servicePrincipal" },
    });
    expect(report.expiresInMs).toBeGreaterThan(3_500_000);
  });

  test("--raw prints the token and a line break, --username the user name, for `$(…)` in a shell", async () => {
    const raw = await run(["token", "--raw"], { env: azure.env(), printsToken: true });
    expect(raw).toMatchObject({ code: 0, stderr: "" });
    expect(raw.stdout).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const name = await run(["token", "--username"], { env: azure.env() });
    expect(name).toEqual({ code: 0, stderr: "", stdout: `${azure.systemIdentity.objectId}\n` });
  });

  test("a token of a cache is told from a fresh one", async () => {
    // Its clock moves, which the others need not see.
    await using cloud = await startEmulator();
    const { objectId, clientId } = cloud.addManagedIdentity({
      kind: "user",
      cacheUntilMsBeforeExpiry: 60_000,
    });
    const ask = () => run(["token", "--json", "--client-id", clientId], { env: cloud.env() });
    expect(reported((await ask()).stdout)).toMatchObject({ username: objectId, isFromCache: false });
    cloud.setClockOffset(20_000);
    expect(reported((await ask()).stdout)).toMatchObject({ username: objectId, isFromCache: true });
  });

  test("what Service Connector has set decides, as in an application; an access key beside it does not", async () => {
    const env = azure.env(azure.servicePrincipal, { serviceConnector: true });
    const { stdout } = await run(["token", "--json"], { env });
    expect(reported(stdout)).toMatchObject({ username: azure.servicePrincipal.objectId });
    const other = azure.env(azure.servicePrincipal, { serviceConnector: "SESSIONS" });
    const { stdout: own } = await run(["token", "--json", "--prefix", "SESSIONS"], { env: other });
    expect(reported(own)).toMatchObject({ username: azure.servicePrincipal.objectId });
    const key = {
      ...azure.env(),
      AZURE_REDIS_HOST: "localhost:6380",
      AZURE_REDIS_PASSWORD: "access-key-1234",
    };
    const { stdout: identity } = await run(["token", "--json"], { env: key });
    expect(reported(identity)).toMatchObject({ username: azure.systemIdentity.objectId });
  });

  test("with an endpoint, its cloud counts", async () => {
    const env = {
      ...azure.env(azure.servicePrincipal),
      AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us",
    };
    const china = "my-cache.redis.cache.chinacloudapi.cn";
    const { code, stderr } = await run(["token", "--endpoint", china], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /https:\/\/login\.microsoftonline\.us\) belongs to the cloud "usgov", and my-cache/,
    );
  });

  test("flags are variables, too, and win over them", async () => {
    const env = {
      ...azure.env(),
      REDIS_PASSWORDLESS_CLIENT_ID: azure.userIdentity.clientId,
      REDIS_PASSWORDLESS_JSON: "true",
    };
    expect(reported((await run(["token"], { env })).stdout)).toMatchObject({
      username: azure.userIdentity.objectId,
    });
    expect((await run(["token", "--username"], { env })).stdout).toBe(`${azure.userIdentity.objectId}\n`);
    expect((await run(["token", "--json=false"], { env })).stdout).toMatch(/^Redis user name/);
    const { objectId } = azure.userIdentity;
    const { stderr } = await run(["token", "--json=false", `--client-id=${objectId}`], { env });
    expect(stderr).toContain(objectId);
  });

  test.for([
    ["managed-identity", () => azure.systemIdentity, () => []],
    ["managed-identity", () => azure.userIdentity, () => ["--client-id", azure.userIdentity.clientId]],
    ["managed-identity", () => azure.userIdentity, () => ["--object-id", azure.userIdentity.objectId]],
    ["managed-identity", () => azure.userIdentity, () => ["--resource-id", azure.userIdentity.resourceId!]],
    ["service-principal", () => azure.servicePrincipal, () => []],
    ["environment", () => azure.servicePrincipal, () => []],
  ] as const)("--identity %s logs in as that, whatever else is there", async ([kind, who, flags]) => {
    const env = { ...azure.env(azure.systemIdentity), ...azure.env(azure.servicePrincipal) };
    const { code, stdout, stderr } = await run(["token", "--username", "--identity", kind, ...flags()], {
      env,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${who().objectId}\n`, stderr: "" });
  });

  test("--identity workload-identity and --federated-token-file exchange the file's token", async () => {
    const subject = "system:serviceaccount:default:app";
    const { objectId, clientId } = azure.addServicePrincipal({
      federatedCredentials: [{ issuer: azure.federationIssuer, subject }],
    });
    const file = join(folder, "federated");
    writeFileSync(file, await azure.issueFederatedToken({ subject }));
    const env = { ...azure.env(), AZURE_TENANT_ID: azure.tenantId };
    const flags = ["--federated-token-file", file, "--client-id", clientId];
    expect(await run(["token", "--username", ...flags], { env })).toEqual({
      code: 0,
      stderr: "",
      stdout: `${objectId}\n`,
    });
    const variables = { ...env, AZURE_FEDERATED_TOKEN_FILE: file, AZURE_CLIENT_ID: clientId };
    const named = await run(["token", "--username", "--identity", "workload-identity"], { env: variables });
    expect(named.stdout).toBe(`${objectId}\n`);
  });

  test.skipIf(process.platform === "win32")(
    "--identity azure-cli asks the tool, through @azure/identity",
    async () => {
      const accessToken = await azure.issueToken(azure.developer.objectId);
      const env = { ...azure.env(), PATH: azureCli(join(folder, "developer"), accessToken) };
      const { code, stdout, stderr } = await run(["token", "--json", "--identity", "azure-cli"], { env });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(reported(stdout)).toMatchObject({
        username: azure.developer.objectId,
        identity: { kind: "credential", description: "credential AzureCliCredential" },
      });
    },
  );

  test("--ca is trusted beside what Node.js trusts", async () => {
    const { NODE_EXTRA_CA_CERTS: file, ...env } = azure.env(azure.servicePrincipal);
    const without = await run(["token", "--username"], { env });
    expect(without.code).toBe(1);
    const { code, stdout } = await run(["token", "--username", "--ca", file!], { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${azure.servicePrincipal.objectId}\n` });
  });
});

describe.concurrent("token, when there is none", () => {
  test("says why and what to do, and ends with exit code 1", async () => {
    const env = { ...azure.env(azure.servicePrincipal), AZURE_CLIENT_SECRET: "not-the-secret-1" };
    const { code, stdout, stderr } = await run(["token"], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^Remedy: .*AZURE_CLIENT_SECRET/m);
    expect(stderr).toMatch(/^Observed: .*AADSTS7000215/m);
    expect(stderr).toMatch(/^More: https:\S+docs\/errors\.md#\S+$/m);
  });

  test("--json has the explanation, --verbose the causes", async () => {
    const env = { ...azure.env(azure.servicePrincipal), AZURE_CLIENT_SECRET: "not-the-secret-1" };
    const { code, stdout, stderr } = await run(["token", "--json"], { env });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 1,
      kind: "token",
      error: {
        code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
        remedy: expect.any(String),
        docsUrl: expect.any(String),
      },
    });
    const verbose = await run(["token", "--verbose"], { env });
    expect(verbose.stderr).toMatch(/^PasswordlessError \(ERR_PASSWORDLESS_IDENTITY_REJECTED\): /m);
  });

  test.skipIf(process.platform === "win32")("a token for another resource is none for Redis", async () => {
    const { objectId } = azure.developer;
    const accessToken = await azure.issueToken(objectId, { aud: "https://management.azure.com" });
    const { code, stdout } = await run(["token", "--json", "--identity", "azure-cli"], {
      env: { ...azure.env(), PATH: azureCli(join(folder, "other-resource"), accessToken) },
    });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      error: {
        code: "ERR_PASSWORDLESS_AUDIENCE_MISMATCH",
        observed: expect.stringContaining("https://management.azure.com"),
      },
    });
  });

  test("--timeout ends the wait for an endpoint that never answers", async () => {
    using _ = azure.injectFault("appService", { kind: "hang" });
    const env = azure.env(azure.systemIdentity, { managedIdentityEndpoint: "appService" });
    const { code, stderr } = await run(["token", "--timeout", "1"], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/no token within 1 s/);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("%s while it waits ends it with exit code %i", async (signal, exitCode) => {
    const { objectId, clientId } = azure.addManagedIdentity({ kind: "user" });
    using _ = azure.injectFault("imds", { kind: "hang" }, { objectId });
    const { child, ended } = start(["token", "--client-id", clientId], { env: azure.env() });
    await azure.waitFor("tokenRequest", (event) => event.objectId === objectId, { since: 0 });
    child.kill(signal);
    expect(await ended).toEqual({ code: exitCode, stdout: "", stderr: "" });
  });

  test("who stops reading, as `head` does, ends it without a word", async () => {
    const { child, ended } = start(["token", "--json"], { env: azure.env() });
    child.stdout!.destroy();
    expect(await ended).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});

describe("token --file", () => {
  test("writes the token without a line break, and beside it what it is, for this user only", async () => {
    const path = join(folder, "once");
    const { code, stdout, stderr } = await run(["token", "--file", path], { env: azure.env() });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
    expect(stderr).toContain(`${path}: token of ${azure.systemIdentity.objectId} until `);
    const token = readFileSync(path, "utf8");
    expect(token).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
    const facts = JSON.parse(readFileSync(`${path}.json`, "utf8")) as Record<string, unknown>;
    expect(facts).toEqual({
      username: azure.systemIdentity.objectId,
      expiresAtMs: expect.any(Number),
      expiresAt: new Date(facts["expiresAtMs"] as number).toISOString(),
      refreshedAtMs: expect.any(Number),
      tenantId: azure.tenantId,
      audience: "https://redis.azure.com",
    });
    const modes = [path, `${path}.json`].map((file) => statSync(file).mode & 0o777);
    expect(modes).toEqual(process.platform === "win32" ? [0o666, 0o666] : [0o600, 0o600]);
  });

  test("refuses a path that is a folder, in a file or a symbolic link, before it asks for a token", async () => {
    writeFileSync(join(folder, "file"), "");
    symlinkSync(join(folder, "file"), join(folder, "link"));
    const env = azure.env();
    const asked = azure.counters.tokenRequests;
    const complaints = await Promise.all(
      [folder, join(folder, "file/token"), join(folder, "link")].map(async (path) =>
        run(["token", "--file", path], { env }),
      ),
    );
    expect(complaints.map(({ code }) => code)).toEqual([2, 2, 2]);
    expect(complaints.map(({ stderr }) => /cannot be used: \S+ (is .*)\.$/m.exec(stderr)?.[1])).toEqual([
      "is a folder; name a file in it",
      "is not a folder",
      "is a symbolic link; name the file itself",
    ]);
    expect(azure.counters.tokenRequests).toBe(asked);
  });

  test.skipIf(process.platform === "win32")("refuses a folder that this user may not write to", async () => {
    const readOnly = join(folder, "read-only");
    mkdirSync(readOnly, { mode: 0o555 });
    chmodSync(folder, 0o755);
    // The superuser may write everywhere, so it tries as somebody else.
    const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const { code, stderr } = await run(["token", "--file", join(readOnly, "token")], {
      env: azure.env(),
      ...uid,
    });
    expect(code).toBe(2);
    expect(stderr).toContain(
      `--file cannot be used: this user may not write to the folder ${readOnly} (EACCES)`,
    );
  });
});
