import type { CredentialAccessToken, TokenCredential } from "./credential.js";
import { once } from "./once.js";

/** The credentials of @azure/identity that can be chosen by name. */
export const DEVELOPER_CREDENTIALS = [
  "AzureCliCredential",
  "AzureDeveloperCliCredential",
  "AzurePowerShellCredential",
  "DefaultAzureCredential",
] as const;

export type DeveloperCredentialName = (typeof DEVELOPER_CREDENTIALS)[number];

export interface DeveloperCredentialOptions {
  readonly tenantId?: string | undefined;
  /** Base address of Microsoft Entra ID. */
  readonly authorityHost?: string | undefined;
  /** Client ID of a user-assigned managed identity, for `DefaultAzureCredential`. */
  readonly managedIdentityClientId?: string | undefined;
  /** Certificate authorities (PEM) to trust instead of the system's. */
  readonly ca?: string | readonly string[] | undefined;
}

/**
 * A credential of @azure/identity by its name. The package is loaded with the first request for a token.
 *
 * @throws {PasswordlessError} with the first request: `ERR_PASSWORDLESS_PEER_MISSING`
 */
export function developerCredential(
  name: DeveloperCredentialName,
  options: DeveloperCredentialOptions = {},
): TokenCredential {
  const load = once(async () => {
    const { azureCredential } = await import("./token-credential.js");
    return azureCredential(name, options)();
  });
  class LazyCredential implements TokenCredential {
    async getToken(...args: Parameters<TokenCredential["getToken"]>): Promise<CredentialAccessToken | null> {
      const credential = await load();
      return credential.getToken(...args);
    }
  }
  // Descriptions and remedies go by the name of the class.
  Object.defineProperty(LazyCredential, "name", { value: name });
  return new LazyCredential();
}
