import type { Identity, ManagedIdentityEndpoint } from "./api.js";
import { serviceConnectorVariables } from "./service-connector.js";

/** The addresses that an environment is made of. */
export interface EnvironmentAddresses {
  readonly tenantId: string;
  readonly caFile: string;
  readonly authorityHost: string;
  readonly imdsHost: string;
  readonly appService: { readonly endpoint: string; readonly header: string };
  readonly redisUrl: string;
  readonly controlUrl: string;
}

export interface EnvironmentSettings {
  readonly endpoint: ManagedIdentityEndpoint;
  /** Names the cache and the identity as Service Connector does, by `AZURE_REDIS` or a prefix of one's own. */
  readonly serviceConnector?: true | string;
  /** Connects with this key instead of the identity. */
  readonly accessKey?: string;
}

/**
 * The environment variables that point Azure SDKs, and a program that uses Redis, at the emulator.
 *
 * The variables of the identities contradict each other (`AZURE_CLIENT_ID` alone names a managed
 * identity, with `AZURE_CLIENT_SECRET` an application), so there is one set for each.
 */
export function environmentFor(
  identity: Identity,
  addresses: EnvironmentAddresses,
  { endpoint, serviceConnector, accessKey }: EnvironmentSettings,
): Record<string, string> {
  const environment = regularEnvironment(identity, addresses, endpoint);
  if (serviceConnector === undefined) return environment;
  const { REDIS_URL: _, AZURE_CLIENT_ID: __, AZURE_CLIENT_SECRET: ___, ...emulator } = environment;
  // A service principal's tenant has a variable of Service Connector's; whoever signs in as a user needs this one.
  if (identity.kind === "servicePrincipal") delete emulator["AZURE_TENANT_ID"];
  const connection = {
    serviceConnector,
    address: new URL(addresses.redisUrl).host,
    tenantId: addresses.tenantId,
    ...(accessKey !== undefined && { accessKey }),
  };
  return { ...emulator, ...serviceConnectorVariables(identity, connection) };
}

function regularEnvironment(
  identity: Identity,
  addresses: EnvironmentAddresses,
  endpoint: ManagedIdentityEndpoint,
): Record<string, string> {
  const { appService, imdsHost } = addresses;
  const common = {
    NODE_EXTRA_CA_CERTS: addresses.caFile,
    AZURE_AUTHORITY_HOST: addresses.authorityHost,
    REDIS_URL: addresses.redisUrl,
    AZURE_REDIS_EMULATOR_URL: addresses.controlUrl,
  };
  if (identity.kind === "servicePrincipal") {
    return {
      ...common,
      AZURE_TENANT_ID: addresses.tenantId,
      AZURE_CLIENT_ID: identity.clientId,
      ...(identity.secret !== undefined && { AZURE_CLIENT_SECRET: identity.secret }),
    };
  }
  if (identity.kind === "developer") {
    // Whoever signs in interactively does so in this tenant.
    return { ...common, AZURE_TENANT_ID: addresses.tenantId };
  }
  return {
    ...common,
    ...(endpoint === "appService"
      ? { IDENTITY_ENDPOINT: appService.endpoint, IDENTITY_HEADER: appService.header }
      : { AZURE_POD_IDENTITY_AUTHORITY_HOST: imdsHost }),
    ...(identity.kind === "user" && { AZURE_CLIENT_ID: identity.clientId }),
  };
}
