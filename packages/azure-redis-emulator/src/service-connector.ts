import type { Identity } from "./api.js";

/** What Service Connector names its variables by, unless it is told another prefix. */
const DEFAULT_PREFIX = "AZURE_REDIS";

export interface ServiceConnection {
  /** `true` for `AZURE_REDIS`, or a prefix of one's own. */
  readonly serviceConnector: true | string;
  /** `localhost:PORT`. */
  readonly address: string;
  readonly tenantId: string;
  /** Connects with this key instead of the identity. */
  readonly accessKey?: string;
}

/**
 * The variables that Service Connector gives an application that it connects with a cache.
 *
 * Azure's host has no port, because the product has one; the emulator's has.
 *
 * @see https://learn.microsoft.com/azure/service-connector/how-to-integrate-redis-cache
 * @throws {TypeError} when the prefix can be no name of a variable.
 */
export function serviceConnectorVariables(
  identity: Identity,
  { serviceConnector, address, tenantId, accessKey }: ServiceConnection,
): Record<string, string> {
  const prefix = serviceConnector === true ? DEFAULT_PREFIX : serviceConnector;
  if (typeof prefix !== "string" || !/^[A-Za-z_]\w*$/.test(prefix)) {
    throw new TypeError(
      `"serviceConnector" must be true or the prefix of variables, such as "${DEFAULT_PREFIX}"; ` +
        `got ${JSON.stringify(prefix)}.`,
    );
  }
  if (accessKey !== undefined) {
    // Base64 has characters that mean something in a URL.
    return { [`${prefix}_CONNECTIONSTRING`]: `rediss://:${encodeURIComponent(accessKey)}@${address}/0` };
  }
  const { kind, clientId, secret } = identity;
  return {
    [`${prefix}_HOST`]: address,
    ...((kind === "user" || kind === "servicePrincipal") && { [`${prefix}_CLIENTID`]: clientId }),
    ...(kind === "servicePrincipal" && {
      ...(secret !== undefined && { [`${prefix}_CLIENTSECRET`]: secret }),
      [`${prefix}_TENANTID`]: tenantId,
    }),
  };
}
