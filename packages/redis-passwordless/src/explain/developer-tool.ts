/** A tool in which a developer logs in. */
export type Tool = "azureCli" | "azurePowerShell" | "azureDeveloperCli";

/** In the order of `DefaultAzureCredential`. Each appears in every complaint about its tool. */
const SPEAKS: readonly (readonly [Tool, RegExp])[] = [
  ["azureCli", /Azure CLI|\baz login\b|AzureCliCredential/],
  ["azurePowerShell", /PowerShell|Connect-AzAccount|Get-AzAccessToken|Az\.Account/i],
  ["azureDeveloperCli", /Azure Developer CLI|\bazd\b|AzureDeveloperCliCredential/],
];

/** The tool that a complaint is about. */
export function toolSpeaking(text: string): Tool | undefined {
  // The others' complaints mention no Azure CLI, but Azure CLI's may come without its name.
  return SPEAKS.findLast(([, speaks]) => speaks.test(text))?.[0];
}

/**
 * The command to log in with.
 *
 * @param tool @default Azure CLI
 * @param scope what to consent to; Azure PowerShell cannot be told
 */
export function loginCommand(tool: Tool | undefined, tenantId?: string, scope?: string): string {
  if (tool === "azurePowerShell")
    return `Connect-AzAccount${tenantId === undefined ? "" : ` -Tenant ${tenantId}`}`;
  const to = scope === undefined ? "" : ` --scope ${scope}`;
  return tool === "azureDeveloperCli"
    ? `azd auth login${tenantId === undefined ? "" : ` --tenant-id ${tenantId}`}${to}`
    : `az login${tenantId === undefined ? "" : ` --tenant ${tenantId}`}${to}`;
}
