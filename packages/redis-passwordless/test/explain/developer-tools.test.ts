import {
  AggregateAuthenticationError,
  AuthenticationRequiredError,
  CredentialUnavailableError,
} from "@azure/identity";
import { describe, expect, test } from "vitest";
import { explain } from "../../src/explain/explain.js";
import { credentialError } from "../../src/identity/credential-errors.js";

const CLI_LOGGED_OUT =
  "Please run 'az login' from a command prompt to authenticate before using this credential.";
const CLI_MISSING =
  "Azure CLI could not be found. Please visit https://aka.ms/azure-cli for installation instructions and then, once installed, authenticate to your Azure account using 'az login'.";
const POWERSHELL_LOGGED_OUT =
  "Please run 'Connect-AzAccount' from PowerShell to authenticate before using this credential.";
const POWERSHELL_MISSING =
  "The 'Az.Account' module >= 2.2.0 is not installed. Install the Azure Az PowerShell module with: \"Install-Module -Name Az -Scope CurrentUser -Repository PSGallery -Force\".";
const POWERSHELL_ABSENT =
  "Error: Unable to execute PowerShell. Ensure that it is installed in your system. To troubleshoot, visit https://aka.ms/azsdk/js/identity/powershellcredential/troubleshoot.";
const AZD_LOGGED_OUT =
  "Please run 'azd auth login' from a command prompt to authenticate before using this credential. For more information, see the troubleshooting guide.";
const AZD_MISSING =
  "Azure Developer CLI couldn't be found. To mitigate this issue, see the troubleshooting guidelines at https://aka.ms/azsdk/js/identity/azdevclicredential/troubleshoot.";
const NO_ENVIRONMENT =
  "EnvironmentCredential is unavailable. No underlying credential could be used. To troubleshoot, visit https://aka.ms/azsdk/js/identity/environmentcredential/troubleshoot.";

const UNAVAILABLE = "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";
const one = (text: string) => new CredentialUnavailableError(text);
const chain = (...texts: string[]) =>
  new AggregateAuthenticationError(texts.map(one), "ChainedTokenCredential authentication failed.");

describe("a complaint of @azure/identity is the same rule, raised and as it is", () => {
  test.each<[string, Error, string, boolean, RegExp]>([
    ["az, logged out", one(CLI_LOGGED_OUT), "azure-cli-not-logged-in", false, /^Run `az login`\.$/],
    ["az, missing", one(CLI_MISSING), "azure-cli-missing", false, /^Install Azure CLI /],
    [
      "PowerShell, logged out",
      one(POWERSHELL_LOGGED_OUT),
      "azure-powershell-not-logged-in",
      false,
      /^Run `Connect-AzAccount`\.$/,
    ],
    ["PowerShell, no module", one(POWERSHELL_MISSING), "azure-powershell-missing", false, /Install-Module/],
    ["PowerShell, missing", one(POWERSHELL_ABSENT), "azure-powershell-missing", false, /Install-Module/],
    ["azd, logged out", one(AZD_LOGGED_OUT), "azd-not-logged-in", false, /^Run `azd auth login`\.$/],
    ["azd, missing", one(AZD_MISSING), "azd-missing", false, /`azd auth login`\.$/],
    [
      "a chain with a tool that is logged out",
      chain(NO_ENVIRONMENT, CLI_MISSING, POWERSHELL_LOGGED_OUT, AZD_MISSING),
      "azure-powershell-not-logged-in",
      false,
      /^Run `Connect-AzAccount`\.$/,
    ],
    [
      "a chain of tools that are missing",
      chain(CLI_MISSING, AZD_MISSING),
      "azure-cli-missing",
      false,
      /^Install Azure CLI /,
    ],
    [
      "a chain of everything, with nothing there",
      chain(NO_ENVIRONMENT, CLI_MISSING, POWERSHELL_ABSENT, AZD_MISSING),
      "no-identity-found",
      true,
      /^On a developer's machine install Azure CLI .*elsewhere/,
    ],
    ["anything else", one("Cannot find the broker."), "developer-not-logged-in", true, /`az login`/],
  ])("%s", (_, raw, rule, retryable, remedy) => {
    const expected = { rule, code: UNAVAILABLE, retryable };
    const explanation = explain(raw);
    expect(explanation).toMatchObject(expected);
    expect(explanation?.remedy).toMatch(remedy);
    const raised = credentialError(raw, "given credential");
    expect(raised).toMatchObject(expected);
    expect(explain(raised)).toMatchObject({ ...expected, remedy: raised.remedy });
  });
});

test("the command has the tenant, where it is known", () => {
  const error = credentialError(one(AZD_LOGGED_OUT), "given credential", "7e9a");
  expect(error.remedy).toBe("Run `azd auth login --tenant-id 7e9a`.");
  expect(explain(error)?.commands).toEqual(["azd auth login --tenant-id 7e9a"]);
});

test("what a tool cannot get from Entra ID is repaired with the command of that tool", () => {
  const said = "Get-AzAccessToken: Authentication failed. AADSTS65001: No consent.";
  expect(credentialError(one(said), "given credential", "7e9a")).toMatchObject({
    rule: "consent-missing",
    remedy: "Grant admin consent, or log in with `Connect-AzAccount -Tenant 7e9a`.",
  });
  expect(explain(one("AADSTS65001: No consent."))?.remedy).toBe(
    "Grant admin consent, or log in with `az login --scope https://redis.azure.com/.default`.",
  );
});

test.each([
  [new AuthenticationRequiredError({ scopes: [], message: "Interaction required" }), "login-required"],
  [new Error("authorization_declined: The user declined."), "sign-in-declined"],
  [
    one("WorkloadIdentityCredential: is unavailable. No content on the file /t."),
    "federated-token-unreadable",
  ],
  [Object.assign(new Error("no"), { code: "ENOTFOUND" }), "token-endpoint-not-found"],
  [Object.assign(new Error("cut"), { code: "ECONNRESET" }), "token-endpoint-unreachable"],
  [
    Object.assign(new Error("no"), { code: "SELF_SIGNED_CERT_IN_CHAIN" }),
    "token-endpoint-certificate-untrusted",
  ],
])("%o of a credential is %s", (raw, rule) => {
  const raised = credentialError(raw, "given credential");
  expect(raised.rule).toBe(rule);
  expect(explain(raised)?.rule).toBe(rule);
  expect(explain(raw, { target: "authority" })?.rule).toBe(rule);
});
