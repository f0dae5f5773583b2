import { invalidOption } from "../core/errors.js";
import { rejectUnknownOptions } from "../core/unknown-options.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { IDENTITY_OPTION_ALIASES, IDENTITY_OPTION_NAMES } from "../identity/options.js";
import { LIFECYCLE_OPTION_NAMES } from "../reauth/identity.js";
import type { AzureEndpoint } from "./endpoint.js";
import type { EntraIdOptions } from "./entra-id.js";
import { type AzureLogin, assertEntraId, findLogin } from "./login.js";
import { assertEndpointOption, findServer, type Server } from "./server.js";
import {
  type ServiceConnectorOptions,
  type ServiceConnectorVariables,
  serviceConnectorVariables,
} from "./service-connector.js";

export type { AzureLogin };

/** What the environment does not say, or should not decide. */
export interface AzureConnectionOptions extends ServiceConnectorOptions {
  /**
   * `host`, `host:port` or `rediss://host:port`.
   * @default what `AZURE_REDIS_HOST` or `AZURE_REDIS_CONNECTIONSTRING` say
   */
  readonly endpoint?: string | undefined;
  /**
   * Options of `entraId()`; they win over all variables. `{}` asks for Microsoft Entra ID where the variables hold an
   * access key.
   */
  readonly entraId?: EntraIdOptions | undefined;
}

/** Where to connect and how to log in, and why. */
export interface AzureConnection {
  readonly endpoint: AzureEndpoint;
  /** The option or variable that decided. */
  readonly endpointReason: string;
  /** Number of the database; `undefined` where nobody names one. */
  readonly database: number | undefined;
  readonly login: AzureLogin;
  /** For humans: what is set and not used, and what is easily mistaken. */
  readonly hints: readonly string[];
}

const OPTION_NAMES = [
  "endpoint",
  "prefix",
  "variables",
  "entraId",
] as const satisfies readonly (keyof AzureConnectionOptions)[];

/**
 * Decides by options and environment where to connect and how to log in. Pure: nobody is asked.
 *
 * The server: the option `endpoint`, else Service Connector's variables.
 *
 * The login, the first that applies:
 *
 * 1. The option `entraId`, when it names an identity.
 * 2. Service Connector's variables (`AZURE_REDIS_…`, or another prefix, or names of your own):
 *    `_CLIENTID`, `_CLIENTSECRET` and `_TENANTID`: service principal;
 *    `_CLIENTID` with `AZURE_FEDERATED_TOKEN_FILE` and `_TENANTID` or `AZURE_TENANT_ID`: workload identity;
 *    `_CLIENTID`: user-assigned managed identity;
 *    `_PASSWORD`, or a `_CONNECTIONSTRING` with a key: access key.
 * 3. Azure's standard variables, as `entraId()` without options.
 *
 * The endpoint's cloud decides which authority is asked, unless `entraId` or `AZURE_AUTHORITY_HOST` do.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_ENDPOINT_MISSING`, `ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY`,
 * `ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED`, and what `azureEndpoint` and `entraId` throw
 */
export function azureConnection(options: AzureConnectionOptions, env: Environment): AzureConnection {
  const variables = connectorVariables(options, env);
  const server = findServer(options, variables, env);
  const hints = [...server.hints];
  const login = findLogin({ options, variables, server, env, hints });
  return {
    endpoint: server.endpoint,
    endpointReason: server.reason,
    database: server.database,
    login,
    hints,
  };
}

/** The server alone, whether or not somebody can log in there. */
export function azureServer(options: AzureConnectionOptions, env: Environment): Server {
  return findServer(options, connectorVariables(options, env), env);
}

/**
 * Where to connect, when it is settled that an identity logs in.
 *
 * @throws {PasswordlessError} as {@link azureServer}; `ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED`
 */
export function serverForIdentity(options: AzureConnectionOptions, env: Environment): Server {
  const variables = connectorVariables(options, env);
  const server = findServer(options, variables, env);
  assertEntraId(server, variables);
  return server;
}

/** Service Connector's variables, once the options are known to be sound. */
export function connectorVariables(
  options: AzureConnectionOptions,
  env: Environment,
): ServiceConnectorVariables {
  assertConnectionOptions(options);
  return serviceConnectorVariables(options, env);
}

function assertConnectionOptions(options: AzureConnectionOptions): void {
  if (typeof options !== "object" || options === null) throw invalidOption("options", "an object", options);
  rejectUnknownOptions(options, OPTION_NAMES);
  const { endpoint, entraId } = options;
  assertEndpointOption(endpoint);
  if (entraId === undefined) return;
  if (typeof entraId !== "object" || entraId === null) {
    throw invalidOption("entraId", "the options of `entraId()`", entraId);
  }
  const names = [...IDENTITY_OPTION_NAMES, ...LIFECYCLE_OPTION_NAMES];
  rejectUnknownOptions(entraId, names, IDENTITY_OPTION_ALIASES, "entraId.");
}
