/** The resource that a token for Redis is addressed to, as a URI. */
export const REDIS_RESOURCE = "https://redis.azure.com";
/** The same resource as an application ID. @see https://learn.microsoft.com/azure/redis/entra-for-authentication */
export const REDIS_APPLICATION_ID = "acca5fbb-b7e4-4009-81f1-37e38fd66d78";

export type CloudName = "public" | "usgov" | "china";

export interface Cloud {
  /** Base address of Microsoft Entra ID, without a slash at the end. */
  readonly authorityHost: string;
  /** Scope of a token for Redis. */
  readonly scope: string;
  /** Audience that a federated token (workload identity) needs in this cloud. */
  readonly federatedAudience: string;
}

/**
 * Where each cloud logs in.
 *
 * The scope of the sovereign clouds is not documented; Microsoft's own .NET client uses the public one everywhere,
 * and so do we. The option `scope` overrides it.
 * @see https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 */
export const CLOUDS: Readonly<Record<CloudName, Cloud>> = {
  public: {
    authorityHost: "https://login.microsoftonline.com",
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchange",
  },
  usgov: {
    authorityHost: "https://login.microsoftonline.us",
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchangeUSGov",
  },
  china: {
    authorityHost: "https://login.partner.microsoftonline.cn",
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchangeChina",
  },
};

/** The resource of a scope: managed identity endpoints take it without `/.default`. */
export function resourceOf(scope: string): string {
  return scope.replace(/\/\.default$/, "");
}
