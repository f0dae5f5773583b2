/** The resource that a token for Redis is addressed to, as a URI. */
export const REDIS_RESOURCE = "https://redis.azure.com";
/** The same resource as an application ID. @see https://learn.microsoft.com/azure/redis/entra-for-authentication */
export const REDIS_APPLICATION_ID = "acca5fbb-b7e4-4009-81f1-37e38fd66d78";

/** Azure's clouds: the public one, US Government, China (21Vianet), and the sovereign ones Bleu (France), Delos (Germany) and GovSG (Singapore). */
export type CloudName = "public" | "usgov" | "china" | "bleu" | "delos" | "govsg";

export interface Cloud {
  /** Base address of Microsoft Entra ID, without a slash at the end. */
  readonly authorityHost: string;
  /** Scope of a token for Redis. */
  readonly scope: string;
  /** Other hosts that belong to the same cloud's Entra ID. */
  readonly authorityAliases: readonly string[];
  /** Audience that a federated token (workload identity) needs in this cloud; `undefined` where none is published. */
  readonly federatedAudience: string | undefined;
}

/**
 * Where each cloud logs in.
 *
 * The scope of the sovereign clouds is not documented; Microsoft's own .NET client uses the public one everywhere,
 * and so do we. The option `scope` overrides it. Hosts, aliases and audiences are those of MSAL
 * (`KnownCloudConfiguration.cs`).
 * @see https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
 * @see https://github.com/AzureAD/microsoft-authentication-library-for-dotnet
 */
export const CLOUDS: Readonly<Record<CloudName, Cloud>> = {
  public: {
    authorityHost: "https://login.microsoftonline.com",
    authorityAliases: ["login.windows.net", "login.microsoft.com", "sts.windows.net"],
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchange",
  },
  usgov: {
    authorityHost: "https://login.microsoftonline.us",
    authorityAliases: ["login.usgovcloudapi.net"],
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchangeUSGov",
  },
  china: {
    authorityHost: "https://login.partner.microsoftonline.cn",
    authorityAliases: ["login.chinacloudapi.cn"],
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchangeChina",
  },
  bleu: {
    authorityHost: "https://login.sovcloud-identity.fr",
    authorityAliases: [],
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchangeFrance",
  },
  delos: {
    authorityHost: "https://login.sovcloud-identity.de",
    authorityAliases: [],
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: "api://AzureADTokenExchangeGermany",
  },
  govsg: {
    authorityHost: "https://login.sovcloud-identity.sg",
    authorityAliases: [],
    scope: `${REDIS_RESOURCE}/.default`,
    federatedAudience: undefined,
  },
};

/** The cloud that a host of Entra ID belongs to; `undefined` for hosts that are none of Microsoft's. */
export function cloudOfAuthority(authorityHost: string): CloudName | undefined {
  const { hostname } = new URL(authorityHost);
  const names = Object.keys(CLOUDS) as CloudName[];
  return names.find((name) => {
    const { authorityHost, authorityAliases } = CLOUDS[name];
    const isRegional = name === "public" && hostname.endsWith(".login.microsoft.com");
    return isRegional || new URL(authorityHost).hostname === hostname || authorityAliases.includes(hostname);
  });
}

/** The resource of a scope: managed identity endpoints take it without `/.default`. */
export function resourceOf(scope: string): string {
  return scope.replace(/\/\.default$/, "");
}
