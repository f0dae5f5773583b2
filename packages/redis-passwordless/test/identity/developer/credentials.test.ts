import { writeFileSync } from "node:fs";
import { type Emulator, type Identity, startEmulator } from "azure-redis-emulator";
import { describe, expect, type TestContext, test } from "vitest";
import { makeCertificates } from "../support.js";
import { Laptop, rotated, type Tools } from "./laptop.js";
import { decide } from "./person.js";

/** Short enough to see a renewal, long enough for a tool to start on a busy machine. */
const TOKEN_LIFETIME_MS = 10_000;

async function start({ onTestFinished }: TestContext): Promise<Emulator> {
  const azure = await startEmulator({
    tokenLifetimeMs: TOKEN_LIFETIME_MS,
    deviceCode: { intervalMs: 1_000 },
  });
  onTestFinished(() => azure.close());
  return azure;
}

type Environment = Readonly<Record<string, string>>;

/** That this credential logs this identity in, and again with its second token on the same connection. */
async function expectLogins(
  azure: Emulator,
  credential: string,
  identity: Identity,
  { tools = {}, env = {} }: { readonly tools?: Tools; readonly env?: Environment } = {},
): Promise<Laptop> {
  const laptop = new Laptop(azure, tools);
  await using program = laptop.run(credential, env);
  const logins = await rotated(azure, program, 2);
  expect(logins.filter(({ accepted }) => !accepted)).toEqual([]);
  expect(new Set(logins.map(({ objectId }) => objectId))).toEqual(new Set([identity.objectId]));
  return laptop;
}

describe.concurrent("a credential of @azure/identity logs in, and again on the same connection", () => {
  test("ClientSecretCredential", async (context) => {
    const azure = await start(context);
    const { servicePrincipal, tenantId } = azure;
    const env = {
      LOGIN_TENANT: tenantId,
      LOGIN_CLIENT: servicePrincipal.clientId,
      LOGIN_SECRET: servicePrincipal.secret ?? "",
    };
    using _ = await expectLogins(azure, "ClientSecretCredential", servicePrincipal, { env });
  });

  test("ClientCertificateCredential", async (context) => {
    const azure = await start(context);
    using files = makeCertificates();
    writeFileSync(files.path("app.pem"), files.server.key + files.server.cert);
    const application = azure.addServicePrincipal({ certificates: [files.server.cert] });
    const env = {
      LOGIN_TENANT: azure.tenantId,
      LOGIN_CLIENT: application.clientId,
      LOGIN_CERTIFICATE: files.path("app.pem"),
    };
    using _ = await expectLogins(azure, "ClientCertificateCredential", application, { env });
  });

  test("ManagedIdentityCredential of a virtual machine", async (context) => {
    const azure = await start(context);
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost };
    using _ = await expectLogins(azure, "ManagedIdentityCredential", azure.systemIdentity, { env });
  });

  test("ManagedIdentityCredential of App Service, with a client ID", async (context) => {
    const azure = await start(context);
    const env = {
      IDENTITY_ENDPOINT: azure.appService.endpoint,
      IDENTITY_HEADER: azure.appService.header,
      LOGIN_CLIENT: azure.userIdentity.clientId,
    };
    const name = "ManagedIdentityCredential with a client ID";
    using _ = await expectLogins(azure, name, azure.userIdentity, { env });
  });

  test("AzureCliCredential", async (context) => {
    const azure = await start(context);
    const tools = { az: azure.developer };
    using laptop = await expectLogins(azure, "AzureCliCredential", azure.developer, { tools });
    expect(laptop.calls.length).toBeGreaterThanOrEqual(2);
    expect(new Set(laptop.calls.map(({ args }) => args.join(" ")))).toEqual(
      new Set(["account get-access-token --output json --resource https://redis.azure.com"]),
    );
  });

  test("AzureCliCredential with a tenant", async (context) => {
    const azure = await start(context);
    const options = { tools: { az: azure.developer }, env: { LOGIN_TENANT: azure.tenantId } };
    const name = "AzureCliCredential with a tenant";
    using laptop = await expectLogins(azure, name, azure.developer, options);
    expect(laptop.calls[0]?.args.slice(-2)).toEqual(["--tenant", azure.tenantId]);
  });

  test("AzureDeveloperCliCredential", async (context) => {
    const azure = await start(context);
    const tools = { azd: azure.developer };
    using laptop = await expectLogins(azure, "AzureDeveloperCliCredential", azure.developer, { tools });
    expect(laptop.calls.every(({ tool }) => tool === "azd")).toBe(true);
  });

  test("AzurePowerShellCredential", async (context) => {
    const azure = await start(context);
    const tools = { pwsh: azure.developer };
    using laptop = await expectLogins(azure, "AzurePowerShellCredential", azure.developer, { tools });
    expect(laptop.calls[0]).toEqual({ tool: "pwsh", args: ["/?"] });
  });

  test("ChainedTokenCredential goes on to the tool that is there", async (context) => {
    const azure = await start(context);
    const tools = { az: azure.developer };
    using _ = await expectLogins(azure, "ChainedTokenCredential", azure.developer, { tools });
  });

  test.for([["the tenant"], ["organizations or common"]] as const)(
    "DeviceCodeCredential of %s, approved on the page; renewed without the user",
    async ([tenant], context) => {
      const azure = await start(context);
      using laptop = new Laptop(azure);
      await using program = laptop.run(
        "DeviceCodeCredential",
        tenant === "the tenant" ? { LOGIN_TENANT: azure.tenantId } : {},
      );
      const { prompt } = await program.line();
      expect(prompt?.message).toContain(prompt?.userCode);
      expect(await decide(azure, prompt, "approve")).toBe(200);
      const logins = await rotated(azure, program, 2);
      expect(new Set(logins.map(({ objectId }) => objectId))).toEqual(new Set([azure.developer.objectId]));
      const grants = azure.events.flatMap((event) =>
        event.type === "tokenRequest" && event.issued ? [event.query["grant_type"]] : [],
      );
      expect(grants.slice(0, 2)).toEqual(["device_code", "refresh_token"]);
      expect(azure.events.filter(({ type }) => type === "signIn")).toHaveLength(2);
    },
  );

  test("InteractiveBrowserCredential, whose browser follows the redirects; renewed without the user", async (context) => {
    const azure = await start(context);
    using laptop = new Laptop(azure);
    const env = { ...laptop.browser(), LOGIN_TENANT: azure.tenantId };
    await using program = laptop.run("InteractiveBrowserCredential", env);
    const logins = await rotated(azure, program, 2);
    expect(new Set(logins.map(({ objectId }) => objectId))).toEqual(new Set([azure.developer.objectId]));
    expect(azure.events.filter(({ type }) => type === "signIn")).toMatchObject([
      { flow: "browser", outcome: "approved", objectId: azure.developer.objectId },
    ]);
  });
});
