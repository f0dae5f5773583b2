import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Laptop, type Line, type Tools } from "./laptop.js";

const UNAVAILABLE = "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";
const REJECTED = "ERR_PASSWORDLESS_IDENTITY_REJECTED";

let azure: Emulator;
beforeAll(async () => {
  azure = await startEmulator();
});
afterAll(() => azure.close());

/** The error that a program ends in which cannot log in. */
async function failure(
  login: string | undefined,
  tools: Tools = {},
  env: Record<string, string> = {},
): Promise<NonNullable<Line["error"]>> {
  using laptop = new Laptop(azure, tools);
  await using program = laptop.run(login, env);
  return await program.failed();
}

const said = (stderr: string) => ({ stderr });
const AZ_LOGGED_OUT = said("ERROR: Please run 'az login' to setup account.");
const PWSH_LOGGED_OUT = said("Get-AzAccessToken: Run Connect-AzAccount to login.");
const AZD_LOGGED_OUT = said("ERROR: fetching token: not logged in, run `azd auth login` to login");

describe.concurrent("a tool without a login says which command to run", () => {
  test.for<[string, string, Tools, RegExp, string]>([
    [
      "Azure CLI is not installed",
      "AzureCliCredential",
      {},
      /^Install Azure CLI .* run `az login`\.$/,
      "azure-cli-missing",
    ],
    [
      "Azure CLI is logged out",
      "AzureCliCredential",
      { az: AZ_LOGGED_OUT },
      /^Run `az login`\.$/,
      "azure-cli-not-logged-in",
    ],
    [
      "Azure Developer CLI is not installed",
      "AzureDeveloperCliCredential",
      {},
      /^Install Azure Developer CLI .* run `azd auth login`\.$/,
      "azd-missing",
    ],
    [
      "Azure Developer CLI is logged out",
      "AzureDeveloperCliCredential",
      { azd: AZD_LOGGED_OUT },
      /^Run `azd auth login`\.$/,
      "azd-not-logged-in",
    ],
    [
      "PowerShell is not installed",
      "AzurePowerShellCredential",
      {},
      /^Install PowerShell .*Install-Module -Name Az.* run `Connect-AzAccount`\.$/,
      "azure-powershell-missing",
    ],
    [
      "PowerShell lacks its module",
      "AzurePowerShellCredential",
      {
        pwsh: said(
          "Import-Module: The specified module 'Az.Accounts' with version '2.2.0' was not loaded because no valid module file was found in any module directory.",
        ),
      },
      /^Install .*`Install-Module -Name Az -Scope CurrentUser`.* run `Connect-AzAccount`\.$/,
      "azure-powershell-missing",
    ],
    [
      "PowerShell is logged out",
      "AzurePowerShellCredential",
      { pwsh: PWSH_LOGGED_OUT },
      /^Run `Connect-AzAccount`\.$/,
      "azure-powershell-not-logged-in",
    ],
    [
      "in a chain, the tool that is there but logged out",
      "ChainedTokenCredential",
      { az: AZ_LOGGED_OUT },
      /^Run `az login`\.$/,
      "azure-cli-not-logged-in",
    ],
    [
      "in DefaultAzureCredential too",
      "DefaultAzureCredential",
      { pwsh: PWSH_LOGGED_OUT },
      /^Run `Connect-AzAccount`\.$/,
      "azure-powershell-not-logged-in",
    ],
  ])("%s", async ([, login, tools, remedy, rule], { expect }) => {
    const error = await failure(login, tools);
    expect(error).toMatchObject({ code: UNAVAILABLE, rule, retryable: false });
    expect(error.remedy).toMatch(remedy);
  });

  test("with the tenant, where it is known", async () => {
    const env = { LOGIN_TENANT: azure.tenantId };
    const { remedy } = await failure("expectedTenantId", { az: AZ_LOGGED_OUT }, env);
    expect(remedy).toBe(`Run \`az login --tenant ${azure.tenantId}\`.`);
  });

  test("a program that names no identity hears the same", async () => {
    const error = await failure(undefined, { az: AZ_LOGGED_OUT }, { AZURE_TOKEN_CREDENTIALS: "dev" });
    expect(error).toMatchObject({ code: UNAVAILABLE, retryable: false, remedy: "Run `az login`." });
  });

  test("where nothing is installed the error may be a service's, and says so", {
    timeout: 60_000,
  }, async () => {
    const error = await failure(undefined, {}, { AZURE_TOKEN_CREDENTIALS: "dev" });
    expect(error).toMatchObject({ code: UNAVAILABLE, rule: "no-identity-found", retryable: true });
    expect(error.remedy).toMatch(/^On a developer's machine install Azure CLI .*`az login`; elsewhere /);
  });
});

const TRACE = "Trace ID: 0 Correlation ID: 0 Timestamp: 2026-11-21 09:00:00Z";

/** As `az` prints it: the error of Entra ID, and what to run. */
const az = (text: string) => ({
  az: said(
    `ERROR: ${text} ${TRACE}\nInteractive authentication is needed. Please run:\naz login --scope https://redis.azure.com/.default`,
  ),
});

describe.concurrent("a login that Entra ID no longer takes is a refusal with its number", () => {
  test.for<[number, string, RegExp]>([
    [
      700082,
      "The refresh token has expired due to inactivity. The token was issued on 2026-08-01T00:00:00.0000000Z and was inactive for 90.00:00:00.",
      /`az login`/,
    ],
    [
      70043,
      "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on 2026-11-20T00:00:00.0000000Z and the maximum allowed lifetime for this request is 43200.",
      /`az login`/,
    ],
    [
      50173,
      "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
      /`az login`/,
    ],
    [
      50076,
      "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access 'acca5fbb-b7e4-4009-81f1-37e38fd66d78'.",
      /interactively \(`az login`\)/,
    ],
    [
      65001,
      "The user or administrator has not consented to use the application with ID '04b07795-8ddb-461a-bbee-02f9e1bf7b46' named 'Microsoft Azure CLI'. Send an interactive authorization request for this user and resource.",
      /`az login --scope https:\/\/redis\.azure\.com\/\.default`/,
    ],
  ])("AADSTS%i of Azure CLI", async ([number, text, remedy], { expect }) => {
    const error = await failure("AzureCliCredential", az(`AADSTS${number}: ${text}`));
    expect(error).toMatchObject({ code: REJECTED, retryable: false, details: { aadsts: number } });
    expect(error.remedy).toMatch(remedy);
    expect(error.message).not.toContain("Trace ID");
  });

  test("the command is that of the tool that was asked", async ({ expect }) => {
    const expired = `AADSTS700082: The refresh token has expired due to inactivity. ${TRACE}`;
    const pwsh = said(`Get-AzAccessToken: Authentication failed against tenant contoso. ${expired}`);
    const azd = said(`ERROR: fetching token: ${expired}`);
    const [ofPwsh, ofAzd] = await Promise.all([
      failure("AzurePowerShellCredential", { pwsh }),
      failure("AzureDeveloperCliCredential", { azd }),
    ]);
    expect(ofPwsh).toMatchObject({
      code: REJECTED,
      remedy: expect.stringContaining("`Connect-AzAccount`") as string,
    });
    expect(ofAzd).toMatchObject({
      code: REJECTED,
      remedy: expect.stringContaining("`azd auth login`") as string,
    });
  });

  test("and with the tenant, where it is known", async ({ expect }) => {
    const env = { LOGIN_TENANT: azure.tenantId };
    const { remedy } = await failure(
      "expectedTenantId",
      az("AADSTS50173: The provided grant has expired."),
      env,
    );
    expect(remedy).toContain(`\`az login --tenant ${azure.tenantId}\``);
  });

  // Of newer versions @azure/identity keeps nothing but that a login is needed.
  test("an answer of Azure CLI that names the tenant asks for a login", async ({ expect }) => {
    const stderr = `ERROR: AADSTS50076: MFA. ${TRACE}\nInteractive authentication is needed. Please run:\naz logout\naz login --tenant "contoso" --scope "https://redis.azure.com/.default"`;
    expect(await failure("AzureCliCredential", { az: { stderr } })).toMatchObject({
      code: UNAVAILABLE,
      retryable: false,
      remedy: "Run `az login`.",
    });
  });
});

test("a managed identity on a laptop: it has none, and what to do instead", { timeout: 60_000 }, async () => {
  const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:1" };
  const error = await failure("managedIdentity", {}, env);
  expect(error).toMatchObject({ code: UNAVAILABLE, details: { networkError: "ECONNREFUSED" } });
  expect(error.remedy).toMatch(
    /^Only Azure's own machines .* leave the identity out .*`az login`.*`credential`\.$/,
  );
});
