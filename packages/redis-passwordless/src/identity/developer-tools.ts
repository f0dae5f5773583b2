/** A tool in which a developer logs in, and how @azure/identity complains about it. */
interface DeveloperTool {
  /** Appears in every complaint about this tool. */
  readonly speaks: RegExp;
  /** There, but nobody is logged in. */
  readonly loggedOut: RegExp;
  /** Not there, or a part of it. */
  readonly missing: RegExp;
  readonly install: string;
  login(tenantId: string | undefined, scope?: string): string;
}

/** In the order of `DefaultAzureCredential`. The texts are those of @azure/identity 4.13. */
const TOOLS: readonly DeveloperTool[] = [
  {
    speaks: /Azure CLI|\baz login\b|AzureCliCredential/,
    loggedOut: /\baz login\b/,
    missing: /Azure CLI could not be found/,
    install: "install Azure CLI (https://aka.ms/azure-cli)",
    login: (tenantId, scope) =>
      `az login${tenantId === undefined ? "" : ` --tenant ${tenantId}`}${scope === undefined ? "" : ` --scope ${scope}`}`,
  },
  {
    speaks: /PowerShell|Connect-AzAccount|Get-AzAccessToken|Az\.Account/i,
    loggedOut: /Connect-AzAccount/,
    missing: /Az\.Accounts?' module|Unable to execute PowerShell/,
    install: "install PowerShell and its module Az (`Install-Module -Name Az -Scope CurrentUser`)",
    login: (tenantId) => `Connect-AzAccount${tenantId === undefined ? "" : ` -Tenant ${tenantId}`}`,
  },
  {
    speaks: /Azure Developer CLI|\bazd\b|AzureDeveloperCliCredential/,
    loggedOut: /azd auth login/,
    missing: /Azure Developer CLI couldn't be found/,
    install: "install Azure Developer CLI (https://aka.ms/azd)",
    login: (tenantId, scope) =>
      `azd auth login${tenantId === undefined ? "" : ` --tenant-id ${tenantId}`}${scope === undefined ? "" : ` --scope ${scope}`}`,
  },
];

/** What is wrong with a developer's login, and the command that repairs it. */
export interface LoginAdvice {
  readonly remedy: string;
  /**
   * Whether a person has to act: somebody's tool is logged out, or nothing but tools was asked. A chain in which
   * no tool is installed may as well run in a service whose identity is late.
   */
  readonly needsPerson: boolean;
}

/**
 * Finds out what a credential of developer tools lacks: first a tool that is there but logged out, then the first
 * one that is missing.
 *
 * @param complaints what each credential of the chain said, in order
 * @returns `undefined` when no developer tool was asked
 */
export function loginAdvice(complaints: readonly string[], tenantId?: string): LoginAdvice | undefined {
  const isOnlyTools = complaints.every((text) => TOOLS.some(({ speaks }) => speaks.test(text)));
  const loggedOut = find(complaints, (tool, text) => tool.loggedOut.test(text) && !tool.missing.test(text));
  if (loggedOut !== undefined) {
    return { remedy: `Run \`${loggedOut.login(tenantId)}\`.`, needsPerson: true };
  }
  const missing = find(complaints, (tool, text) => tool.missing.test(text));
  if (missing === undefined) return undefined;
  const { install } = missing;
  const sentence = `${install.charAt(0).toUpperCase()}${install.slice(1)} and run \`${missing.login(tenantId)}\``;
  return isOnlyTools
    ? { remedy: `${sentence}.`, needsPerson: true }
    : {
        remedy: `On a developer's machine ${install} and run \`${missing.login(tenantId)}\`; elsewhere give this resource an identity or pass one.`,
        needsPerson: false,
      };
}

/**
 * Rewrites `az login` in a remedy into the command of the tool that was asked, for the tenant if it is known.
 *
 * @param text names the tool: the credential's description, or its complaint
 */
export function withLoginCommand(remedy: string, text: string, tenantId?: string): string {
  // The others' complaints mention no Azure CLI, but Azure CLI's may come without its name.
  const tool = TOOLS.findLast(({ speaks }) => speaks.test(text)) ?? TOOLS[0];
  return remedy.replace(
    /`az login(?: --tenant …)?(?: --scope (\S+))?`/,
    (_, scope?: string) => `\`${tool?.login(tenantId, scope)}\``,
  );
}

function find(
  complaints: readonly string[],
  fits: (tool: DeveloperTool, text: string) => boolean,
): DeveloperTool | undefined {
  return TOOLS.find((tool) => complaints.some((text) => fits(tool, text)));
}
