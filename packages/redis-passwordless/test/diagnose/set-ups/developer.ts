import type { SetUp } from "./set-up.js";

const AZ = ["--identity", "azure-cli"];
const AZURE_CLI_SAYS = "ERROR: Please run 'az login' to setup account.";

/** What the Azure CLI repeats of Entra ID's refusals. */
const refused = (number: number, text: string, rule: string, name: string): SetUp => ({
  name,
  prepare: (machine) => machine.laptop({ az: { stderr: `ERROR: AADSTS${number}: ${text}` } }, ...AZ),
  expected: { rule },
});

/** What goes wrong on a developer's machine. */
export const DEVELOPER_SET_UPS: readonly SetUp[] = [
  {
    name: "an Azure CLI that is logged out",
    prepare: (machine) => machine.laptop({ az: { stderr: AZURE_CLI_SAYS } }, ...AZ),
    expected: { rule: "azure-cli-not-logged-in", says: /az login/ },
  },
  {
    name: "a machine without the Azure CLI",
    prepare: (machine) => machine.laptop({}, ...AZ),
    expected: { rule: "azure-cli-missing" },
  },
  {
    name: "an Azure Developer CLI that is logged out",
    prepare: (machine) =>
      machine.laptop(
        { azd: { stderr: "ERROR: not logged in, run `azd auth login` to login" } },
        "--identity",
        "azure-developer-cli",
      ),
    expected: { rule: "azd-not-logged-in" },
  },
  {
    name: "a machine without Azure PowerShell",
    prepare: (machine) => machine.laptop({}, "--identity", "azure-powershell"),
    expected: { rule: "azure-powershell-missing" },
  },
  refused(
    50076,
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access 'acca5fbb-b7e4-4009-81f1-37e38fd66d78'.",
    "multi-factor-required",
    "a developer who has to prove more than the password",
  ),
  refused(
    700082,
    "The refresh token has expired due to inactivity. The token was issued on 2026-05-01 and was inactive for 90.00:00:00.",
    "login-ended",
    "a developer who has not logged in for months",
  ),
  refused(
    65001,
    "The user or administrator has not consented to use the application with ID '04b07795-8ddb-461a-bbee-02f9e1bf7b46' named 'Microsoft Azure CLI'.",
    "consent-missing",
    "a tenant that has not consented to the Azure CLI",
  ),
  {
    name: "a developer without an access policy",
    prepare: (machine, azure) => machine.laptop({ az: azure.addUser({ accessPolicy: null }) }, ...AZ),
    expected: {
      rule: "access-policy-missing",
      certainty: "likely",
      // A person is often in a group that somebody has tried to assign.
      alternatives: ["group-assigned", "entra-id-disabled"],
    },
  },
  {
    name: "an Azure PowerShell that is logged out",
    prepare: (machine) =>
      machine.laptop(
        { pwsh: { stderr: "Get-AzAccessToken: Run Connect-AzAccount to login." } },
        "--identity",
        "azure-powershell",
      ),
    expected: { rule: "azure-powershell-not-logged-in", says: /Connect-AzAccount/ },
  },
  {
    name: "a machine without the Azure Developer CLI",
    prepare: (machine) => machine.laptop({}, "--identity", "azure-developer-cli"),
    expected: { rule: "azd-missing" },
  },
  refused(
    50020,
    "User account 'someone@fabrikam.example' from identity provider 'https://sts.windows.net/1/' does not exist in tenant 'Contoso' and cannot access the application '04b07795-8ddb-461a-bbee-02f9e1bf7b46'(Microsoft Azure CLI) in that tenant.",
    "user-not-in-tenant",
    "a developer of another tenant",
  ),
  refused(50057, "The user account is disabled.", "user-disabled", "a developer whose account is disabled"),
];
