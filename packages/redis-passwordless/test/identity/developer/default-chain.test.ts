import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Emulator, type Identity, startEmulator } from "azure-redis-emulator";
import { describe, expect, type TestContext, test } from "vitest";
import { Laptop, type ToolName } from "./laptop.js";

const SUBJECT = "system:serviceaccount:shop:cart";

/** What a machine may offer; each of it another identity, so that the login tells who was chosen. */
type Offer = ToolName | "secret" | "federation" | "imds" | "appService";

interface Machine extends Disposable {
  readonly laptop: Laptop;
  readonly env: Record<string, string>;
  readonly identities: Readonly<Record<Offer, Identity>>;
}

async function machine(azure: Emulator, offers: readonly Offer[]): Promise<Machine> {
  const federated = azure.addServicePrincipal({
    federatedCredentials: [{ issuer: azure.federationIssuer, subject: SUBJECT }],
  });
  const identities = {
    secret: azure.servicePrincipal,
    federation: federated,
    imds: azure.systemIdentity,
    appService: azure.systemIdentity,
    az: azure.developer,
    pwsh: azure.addUser(),
    azd: azure.addUser(),
  };
  const tools = (["az", "pwsh", "azd"] as const).filter((tool) => offers.includes(tool));
  const laptop = new Laptop(azure, Object.fromEntries(tools.map((tool) => [tool, identities[tool]])));
  const file = join(laptop.folder, "federated-token");
  writeFileSync(file, await azure.issueFederatedToken({ subject: SUBJECT }));
  const has = (offer: Offer) => offers.includes(offer);
  const env = {
    ...(has("secret") && {
      AZURE_TENANT_ID: azure.tenantId,
      AZURE_CLIENT_ID: azure.servicePrincipal.clientId,
      AZURE_CLIENT_SECRET: azure.servicePrincipal.secret ?? "",
    }),
    ...(has("federation") && {
      AZURE_TENANT_ID: azure.tenantId,
      AZURE_CLIENT_ID: federated.clientId,
      AZURE_FEDERATED_TOKEN_FILE: file,
    }),
    ...(has("imds") && { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost }),
    ...(has("appService") && {
      IDENTITY_ENDPOINT: azure.appService.endpoint,
      IDENTITY_HEADER: azure.appService.header,
    }),
  };
  return { laptop, env, identities, [Symbol.dispose]: () => laptop[Symbol.dispose]() };
}

/** That the program on this machine logs in as the identity behind this offer. */
async function expectLogin(
  { onTestFinished }: TestContext,
  offers: readonly Offer[],
  expected: Offer,
  options: { readonly login?: string; readonly env?: Record<string, string> } = {},
): Promise<void> {
  const azure = await startEmulator();
  onTestFinished(() => azure.close());
  using offered = await machine(azure, offers);
  await using program = offered.laptop.run(options.login, { ...offered.env, ...options.env });
  await program.connected();
  const logins = azure.events.filter((event) => event.type === "login");
  expect(logins.at(-1)).toMatchObject({
    objectId: offered.identities[expected].objectId,
    accepted: true,
  });
}

// The order that Microsoft documents. Two of its members cannot be had here: VisualStudioCodeCredential, which needs
// the Azure account of a running Visual Studio Code through @azure/identity-vscode, and the broker of Windows.
describe.concurrent("DefaultAzureCredential, given as credential: the first that is there logs in", () => {
  test.for<[Offer, Offer[]]>([
    ["secret", ["secret", "imds", "az", "pwsh", "azd"]],
    ["federation", ["federation", "imds", "az", "pwsh", "azd"]],
    ["imds", ["imds", "az", "pwsh", "azd"]],
    ["appService", ["appService", "az", "pwsh", "azd"]],
    ["az", ["az", "pwsh", "azd"]],
    ["pwsh", ["pwsh", "azd"]],
    ["azd", ["azd"]],
  ])("%s, where there is %j", async ([expected, offers], context) => {
    await expectLogin(context, offers, expected, { login: "DefaultAzureCredential" });
  });
});

describe.concurrent("without an identity, the same program is who the machine says", () => {
  test.for<[string, Offer, Offer[], Record<string, string>]>([
    ["on a laptop the developer", "az", ["az"], {}],
    ["on a laptop with PowerShell only, its user", "pwsh", ["pwsh"], {}],
    ["where AZURE_POD_IDENTITY_AUTHORITY_HOST is, the managed identity", "imds", ["imds", "az"], {}],
    ["where IDENTITY_ENDPOINT is, the managed identity", "appService", ["appService", "az"], {}],
    ["AZURE_TOKEN_CREDENTIALS=dev: the developer", "az", ["imds", "az"], { AZURE_TOKEN_CREDENTIALS: "dev" }],
    ["=prod: the managed identity", "imds", ["imds", "az"], { AZURE_TOKEN_CREDENTIALS: "prod" }],
    [
      "=AzureCliCredential: its user",
      "az",
      ["secret", "imds", "az", "pwsh"],
      { AZURE_TOKEN_CREDENTIALS: "AzureCliCredential" },
    ],
    [
      "=AzurePowerShellCredential: its user",
      "pwsh",
      ["imds", "az", "pwsh"],
      { AZURE_TOKEN_CREDENTIALS: "AzurePowerShellCredential" },
    ],
    [
      "=azureDeveloperCliCredential: its user",
      "azd",
      ["imds", "az", "azd"],
      { AZURE_TOKEN_CREDENTIALS: "azureDeveloperCliCredential" },
    ],
    [
      "=EnvironmentCredential, at an authority that is none of Microsoft's: the application",
      "secret",
      ["secret", "imds", "az"],
      { AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential" },
    ],
    [
      "=WorkloadIdentityCredential: the workload identity",
      "federation",
      ["federation", "imds", "az"],
      { AZURE_TOKEN_CREDENTIALS: "WorkloadIdentityCredential" },
    ],
    [
      "=ManagedIdentityCredential: the managed identity",
      "imds",
      ["imds", "az"],
      { AZURE_TOKEN_CREDENTIALS: "ManagedIdentityCredential" },
    ],
  ])("%s", async ([, expected, offers, env], context) => {
    await expectLogin(context, offers, expected, { env });
  });

  test("the option `ca` holds for DefaultAzureCredential too", async (context) => {
    const azure = await startEmulator();
    context.onTestFinished(() => azure.close());
    using offered = await machine(azure, ["secret"]);
    await using program = offered.laptop.run("an authority of its own", {
      ...offered.env,
      AZURE_TOKEN_CREDENTIALS: "EnvironmentCredential",
      NODE_EXTRA_CA_CERTS: "",
      LOGIN_CA_FILE: azure.caFile,
    });
    expect(await program.connected()).toBeGreaterThan(0);
  });
});
