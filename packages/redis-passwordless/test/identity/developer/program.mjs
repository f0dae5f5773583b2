// A program of a user: logs in to Redis, and goes on until its input ends. Without an argument it names no identity;
// with one it uses the credential of @azure/identity that `LOGINS` has under this name.
//
// Prints one line of JSON when it is connected and one at its end, each with what `CLIENT ID` says; or the error.

import { readFileSync } from "node:fs";
import * as azure from "@azure/identity";
import { createClient } from "redis";
import { entraId } from "redis-passwordless";
import { passwordless } from "redis-passwordless/node-redis";

const { env } = process;
const [name] = process.argv.slice(2);
const url = env["REDIS_URL"] ?? "";
const tenantId = env["LOGIN_TENANT"] ?? "";
// @azure/identity has no variable for it.
const authority = { disableInstanceDiscovery: true };

/** @type {Record<string, () => import("redis-passwordless").EntraIdOptions>} */
const LOGINS = {
  AzureCliCredential: () => ({ credential: new azure.AzureCliCredential() }),
  "AzureCliCredential with a tenant": () => ({ credential: new azure.AzureCliCredential({ tenantId }) }),
  AzureDeveloperCliCredential: () => ({ credential: new azure.AzureDeveloperCliCredential() }),
  AzurePowerShellCredential: () => ({ credential: new azure.AzurePowerShellCredential() }),
  ChainedTokenCredential: () => ({
    credential: new azure.ChainedTokenCredential(
      new azure.AzureDeveloperCliCredential(),
      new azure.AzureCliCredential(),
    ),
  }),
  ClientCertificateCredential: () => ({
    credential: new azure.ClientCertificateCredential(
      tenantId,
      env["LOGIN_CLIENT"] ?? "",
      { certificatePath: env["LOGIN_CERTIFICATE"] ?? "" },
      authority,
    ),
  }),
  ClientSecretCredential: () => ({
    credential: new azure.ClientSecretCredential(
      tenantId,
      env["LOGIN_CLIENT"] ?? "",
      env["LOGIN_SECRET"] ?? "",
      authority,
    ),
  }),
  DefaultAzureCredential: () => ({ credential: new azure.DefaultAzureCredential(authority) }),
  DeviceCodeCredential: () => ({
    credential: new azure.DeviceCodeCredential({
      ...authority,
      ...(tenantId !== "" && { tenantId }),
      userPromptCallback: (info) => print({ prompt: info }),
    }),
  }),
  "DeviceCodeCredential, impatiently": () => ({
    ...LOGINS["DeviceCodeCredential"]?.(),
    requestTimeoutMs: 500,
  }),
  InteractiveBrowserCredential: () => ({
    credential: new azure.InteractiveBrowserCredential({ ...authority, tenantId }),
  }),
  ManagedIdentityCredential: () => ({ credential: new azure.ManagedIdentityCredential() }),
  "ManagedIdentityCredential with a client ID": () => ({
    credential: new azure.ManagedIdentityCredential({ clientId: env["LOGIN_CLIENT"] ?? "" }),
  }),
  expectedTenantId: () => ({ credential: new azure.AzureCliCredential(), expectedTenantId: tenantId }),
  managedIdentity: () => ({ managedIdentity: true }),
  "an authority of its own": () => ({ ca: authorityCertificate() ?? "" }),
};

/** For a process that does not trust the emulator by itself. */
function authorityCertificate() {
  const file = env["LOGIN_CA_FILE"];
  return file === undefined ? undefined : readFileSync(file, "utf8");
}

/** @param {object} line */
function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const login = name === undefined ? undefined : LOGINS[name];
if (name !== undefined && login === undefined) throw new Error(`no login ${name}`);
// Nothing at all is given where the environment is to decide.
const settings = login === undefined ? [] : [{ identity: entraId(login()) }];
settings[0]?.identity.on("refreshFailing", ({ error }) =>
  print({ failing: /** @type {any} */ (error).code }),
);
const ca = authorityCertificate();
const socket = /** @type {const} */ ({
  reconnectStrategy: false,
  tls: true,
  ...(ca !== undefined && { ca }),
});
const client = createClient(passwordless({ url, socket }, ...settings));
client.on("error", () => undefined);
try {
  await client.connect();
  print({ clientId: await client.sendCommand(["CLIENT", "ID"]) });
  for await (const _ of process.stdin);
  print({ clientId: await client.sendCommand(["CLIENT", "ID"]) });
  client.destroy();
} catch (error) {
  const { code, rule, message, remedy, retryable, details } = /** @type {Record<string, unknown>} */ (error);
  print({ error: { code, rule, message, remedy, retryable, details } });
  process.exitCode = 1;
}
for (const { identity } of settings) await identity.close();
