import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, type EmulatorEvent, type Identity, startEmulator } from "../src/index.js";
import { createApplicationCertificate } from "./support/application-certificate.js";
import { type CredentialResult, getTokenWith } from "./support/azure-identity.js";

let azure: Emulator;
let folder: string;

beforeAll(async () => {
  azure = await startEmulator();
  folder = await mkdtemp(join(tmpdir(), "azure-redis-emulator-test-"));
});

afterEach(() => azure.clearFaults());

afterAll(async () => {
  await azure.close();
  await rm(folder, { recursive: true, force: true });
});

const NO_DISCOVERY = "{ disableInstanceDiscovery: true }";
const SECRET = `new identity.ClientSecretCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET, ${NO_DISCOVERY})`;

/** That @azure/identity reads the token as one of this identity, with the end that the token has. */
function expectTokenOf(result: CredentialResult, { objectId }: Identity): void {
  expect(result).toMatchObject({ claims: { oid: objectId } });
  if ("claims" in result) {
    // msal counts expires_in from its own clock, in whole seconds.
    expect(Math.abs(result.expiresOnTimestamp / 1000 - Number(result.claims["exp"]))).toBeLessThanOrEqual(2);
  }
}

function tokenRequests(since: number): readonly EmulatorEvent[] {
  return azure.events.slice(since).filter(({ type }) => type === "tokenRequest");
}

describe("service principal", () => {
  test("ClientSecretCredential gets a token", async () => {
    expectTokenOf(await getTokenWith(SECRET, azure.env(azure.servicePrincipal)), azure.servicePrincipal);
  });

  test("ClientSecretCredential names the error of a wrong and of an expired secret", async () => {
    const env = azure.env(azure.servicePrincipal);
    const wrong = await getTokenWith(SECRET, { ...env, AZURE_CLIENT_SECRET: "wrong" });
    expect(wrong).toMatchObject({ error: { message: expect.stringContaining("AADSTS7000215: ") as string } });
    const expired = await getTokenWith(SECRET, azure.env(azure.addServicePrincipal({ secretExpired: true })));
    expect(expired).toMatchObject({
      error: {
        name: "AuthenticationRequiredError",
        message: expect.stringContaining("AADSTS7000222: ") as string,
      },
    });
  });

  test("ClientCertificateCredential gets a token", async () => {
    const { cert, keyPem } = await createApplicationCertificate();
    const path = join(folder, "application.pem");
    await writeFile(path, keyPem + cert, { mode: 0o600 });
    const application = azure.addServicePrincipal({ certificates: [cert] });
    const expression = `new identity.ClientCertificateCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.CERTIFICATE, ${NO_DISCOVERY})`;
    expectTokenOf(
      await getTokenWith(expression, { ...azure.env(application), CERTIFICATE: path }),
      application,
    );
  });
});

describe("federation", () => {
  const subject = "system:serviceaccount:shop:cart";

  test("ClientAssertionCredential gets a token", async () => {
    const application = azure.addServicePrincipal({
      federatedCredentials: [{ issuer: azure.federationIssuer, subject }],
    });
    const assertion = await azure.issueFederatedToken({ subject });
    const expression = `new identity.ClientAssertionCredential(env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, async () => env.ASSERTION, ${NO_DISCOVERY})`;
    expectTokenOf(
      await getTokenWith(expression, { ...azure.env(application), ASSERTION: assertion }),
      application,
    );
  });

  test.each([
    ["ManagedIdentityCredential", ""],
    ["WorkloadIdentityCredential", NO_DISCOVERY],
    ["DefaultAzureCredential", NO_DISCOVERY],
  ])("%s finds a workload identity in the environment", async (name, options) => {
    const user = azure.addManagedIdentity({
      kind: "user",
      federatedCredentials: [{ issuer: azure.federationIssuer, subject }],
    });
    const file = join(folder, "federated-token");
    await writeFile(file, await azure.issueFederatedToken({ subject }), { mode: 0o600 });
    const env = {
      NODE_EXTRA_CA_CERTS: azure.caFile,
      AZURE_AUTHORITY_HOST: azure.authorityHost,
      AZURE_TENANT_ID: azure.tenantId,
      AZURE_CLIENT_ID: user.clientId,
      AZURE_FEDERATED_TOKEN_FILE: file,
    };
    expectTokenOf(await getTokenWith(`new identity.${name}(${options})`, env), user);
  });
});

describe("a person", () => {
  const atOnce = (decision: string) =>
    `userPromptCallback: ({ userCode }) => fetch(\`\${env.AZURE_REDIS_EMULATOR_URL}/device-codes/\${userCode}/${decision}\`, { method: "POST" })`;
  const deviceCode = (decision: string, tenant = "") =>
    `new identity.DeviceCodeCredential({ disableInstanceDiscovery: true, ${tenant} ${atOnce(decision)} })`;
  let quick: Emulator;

  beforeAll(async () => {
    quick = await startEmulator({ deviceCode: { intervalMs: 1000 } });
  });
  afterAll(() => quick.close());

  test.each(["", "tenantId: 'common',", "tenantId: env.AZURE_TENANT_ID,"])(
    "DeviceCodeCredential gets a token, with { %s }",
    async (tenant) => {
      const result = await getTokenWith(deviceCode("approve", tenant), quick.env(quick.developer));
      expectTokenOf(result, quick.developer);
      expect(result).toMatchObject({
        claims: { idtyp: "user", upn: quick.developer.userPrincipalName },
      });
    },
  );

  test("DeviceCodeCredential hears of a refusal", async () => {
    const result = await getTokenWith(deviceCode("decline"), quick.env(quick.developer));
    expect(result).toMatchObject({
      error: { message: expect.stringContaining("authorization_declined") as string },
    });
  });

  test("InteractiveBrowserCredential gets the token of the user whom it names", async () => {
    const ada = quick.addUser({ userPrincipalName: "ada@contoso.com" });
    const browser = join(folder, "browser.mjs");
    await writeFile(
      browser,
      `#!${process.execPath}\nconst page = await fetch(process.argv[2]);\nif (!page.ok) throw new Error(await page.text());\n`,
      { mode: 0o700 },
    );
    const result = await getTokenWith(
      `new identity.InteractiveBrowserCredential({ disableInstanceDiscovery: true, loginHint: "ada@contoso.com" })`,
      { ...quick.env(ada), BROWSER: browser },
    );
    expectTokenOf(result, ada);
  });
});

describe("managed identity", () => {
  test.each(["imds", "appService"] as const)(
    "ManagedIdentityCredential gets a token from %s, by the environment alone",
    async (managedIdentityEndpoint) => {
      const since = azure.events.length;
      const system = await getTokenWith(
        "new identity.ManagedIdentityCredential()",
        azure.env(azure.systemIdentity, { managedIdentityEndpoint }),
      );
      expectTokenOf(system, azure.systemIdentity);
      expect(tokenRequests(since)).toMatchObject([{ endpoint: managedIdentityEndpoint, status: 200 }]);
    },
  );

  test.each(["imds", "appService"] as const)(
    "a user-assigned identity is found at %s by each of its identifiers",
    async (managedIdentityEndpoint) => {
      const env = azure.env(azure.userIdentity, { managedIdentityEndpoint });
      const options = (["clientId", "objectId", "resourceId"] as const).map((name) =>
        JSON.stringify({ [name]: azure.userIdentity[name] }),
      );
      const results = await Promise.all(
        options.map((option) => getTokenWith(`new identity.ManagedIdentityCredential(${option})`, env)),
      );
      for (const result of results) {
        expectTokenOf(result, azure.userIdentity);
      }
    },
  );

  test.each([
    ["imds", "Identity not found"],
    ["appService", "No User Assigned or Delegated Managed Identity found"],
  ] as const)(
    "an unknown identity is named as such by %s, without another try",
    async (endpoint, message) => {
      const since = azure.events.length;
      const result = await getTokenWith(
        `new identity.ManagedIdentityCredential({ clientId: "${crypto.randomUUID()}" })`,
        azure.env(azure.systemIdentity, { managedIdentityEndpoint: endpoint }),
      );
      expect(result).toMatchObject({ error: { message: expect.stringContaining(message) as string } });
      expect(tokenRequests(since)).toMatchObject([{ status: 400, issued: false }]);
    },
  );

  test("a 404 of IMDS is asked again", async () => {
    const since = azure.events.length;
    azure.injectFault("imds", { kind: "status", status: 404 }, { times: 1 });
    const result = await getTokenWith(
      "new identity.ManagedIdentityCredential({ retryOptions: { retryDelayInMs: 10 } })",
      azure.env(),
    );
    expectTokenOf(result, azure.systemIdentity);
    expect(tokenRequests(since)).toMatchObject([{ status: 404 }, { status: 200 }]);
  });

  test("a life of two seconds is what the credential sees", async () => {
    const identity = azure.addManagedIdentity({ kind: "user", tokenLifetimeMs: 2000 });
    expectTokenOf(
      await getTokenWith(
        "new identity.ManagedIdentityCredential({ clientId: env.AZURE_CLIENT_ID })",
        azure.env(identity),
      ),
      identity,
    );
  });
});
