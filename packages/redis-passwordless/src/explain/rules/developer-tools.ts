import type { ErrorCode } from "../../core/errors.js";
import type { Rule } from "../rule.js";

const REJECTED: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_REJECTED";
const UNAVAILABLE: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";

// The texts are those of @azure/identity 4.13. The same sentence that says that a tool is missing also tells how to
// log in with it.
const CLI_MISSING = /Azure CLI could not be found/;
const CLI_LOGGED_OUT = /^(?![^]*Azure CLI could not be found)[^]*\baz login\b/;
const POWERSHELL_MISSING = /Az\.Accounts?' module|Unable to execute PowerShell/;
const POWERSHELL_LOGGED_OUT =
  /^(?![^]*(?:Az\.Accounts?' module|Unable to execute PowerShell))[^]*Connect-AzAccount/;
const AZD_MISSING = /Azure Developer CLI couldn't be found/;
const AZD_LOGGED_OUT = /^(?![^]*Azure Developer CLI couldn't be found)[^]*azd auth login/;

/** What a user says who is asked to sign in: to a device code, and in the browser. */
const DECLINED = /\b(?:authorization_declined|access_denied)\b/;

const from = "developerTool";

/** What @azure/identity, and the tools in which developers log in, complain about. */
export const DEVELOPER_TOOL_RULES: readonly Rule[] = [
  {
    id: "sign-in-declined",
    code: REJECTED,
    when: [
      { says: DECLINED, from },
      { says: DECLINED, from: "authority" },
      { network: DECLINED, from },
      { network: DECLINED, from: "authority" },
    ],
    meaning: "the sign-in was declined",
    remedy: "Sign in when asked, or pass another credential.",
  },
  {
    id: "azure-cli-not-logged-in",
    code: UNAVAILABLE,
    when: [{ says: CLI_LOGGED_OUT, from }],
    meaning: "Azure CLI is installed, but nobody is logged in",
    remedy: "Run `az login{' --tenant 'expectedTenantId}`.",
    commands: { any: ["az login{' --tenant 'expectedTenantId}"] },
  },
  {
    id: "azure-powershell-not-logged-in",
    code: UNAVAILABLE,
    when: [{ says: POWERSHELL_LOGGED_OUT, from }],
    meaning: "Azure PowerShell is installed, but nobody is logged in",
    remedy: "Run `Connect-AzAccount{' -Tenant 'expectedTenantId}`.",
    commands: { any: ["Connect-AzAccount{' -Tenant 'expectedTenantId}"] },
  },
  {
    id: "azd-not-logged-in",
    code: UNAVAILABLE,
    when: [{ says: AZD_LOGGED_OUT, from }],
    meaning: "Azure Developer CLI is installed, but nobody is logged in",
    remedy: "Run `azd auth login{' --tenant-id 'expectedTenantId}`.",
    commands: { any: ["azd auth login{' --tenant-id 'expectedTenantId}"] },
  },
  {
    id: "no-identity-found",
    code: UNAVAILABLE,
    when: [
      { says: CLI_MISSING, from },
      { says: POWERSHELL_MISSING, from },
      { says: AZD_MISSING, from },
    ],
    given: [{ fact: "onlyTools", is: false }],
    meaning: "this environment gives no identity, and none of the tools in which developers log in is here",
    remedy:
      "On a developer's machine install Azure CLI (https://aka.ms/azure-cli) and run `az login{' --tenant 'expectedTenantId}`; elsewhere give this resource an identity or pass one.",
    // It may as well run in a service whose identity is late.
    isRetryable: true,
  },
  {
    id: "azure-cli-missing",
    code: UNAVAILABLE,
    when: [{ says: CLI_MISSING, from }],
    meaning: "Azure CLI is not installed, or not on the PATH",
    remedy: "Install Azure CLI (https://aka.ms/azure-cli) and run `az login{' --tenant 'expectedTenantId}`.",
  },
  {
    id: "azure-powershell-missing",
    code: UNAVAILABLE,
    when: [{ says: POWERSHELL_MISSING, from }],
    meaning: "PowerShell or its module Az is not installed",
    remedy:
      "Install PowerShell and its module Az (`Install-Module -Name Az -Scope CurrentUser`) and run `Connect-AzAccount{' -Tenant 'expectedTenantId}`.",
  },
  {
    id: "azd-missing",
    code: UNAVAILABLE,
    when: [{ says: AZD_MISSING, from }],
    meaning: "Azure Developer CLI is not installed, or not on the PATH",
    remedy:
      "Install Azure Developer CLI (https://aka.ms/azd) and run `azd auth login{' --tenant-id 'expectedTenantId}`.",
  },
  {
    id: "developer-not-logged-in",
    code: UNAVAILABLE,
    when: [{ name: /^CredentialUnavailableError$/, from }],
    meaning: "the credential finds no login here",
    remedy: "Log in (`{login|az login}`), or run where Azure provides an identity, or pass another one.",
    isRetryable: true,
  },
  {
    id: "login-required",
    code: REJECTED,
    when: [
      { name: /^AuthenticationRequiredError$/, from },
      { name: /^AuthenticationRequiredError$/, from: "authority" },
    ],
    meaning: "the credential needs a new login",
    remedy: "Log in again, or check the credential's secret or certificate.",
  },
];
