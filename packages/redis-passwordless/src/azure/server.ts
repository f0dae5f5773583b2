import { invalidOption, PasswordlessError } from "../core/errors.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { parseDatabase, parsePlainAddress, parsePort } from "./address.js";
import {
  assertDatabase,
  type ConnectionString,
  parseConnectionString,
  parseSwitch,
} from "./connection-string.js";
import { type AzureEndpoint, azureEndpoint, endpointOf } from "./endpoint.js";
import {
  contradictory,
  rejectMisspelt,
  SERVER_FIELDS,
  type ServiceConnectorOptions,
  type ServiceConnectorVariables,
} from "./service-connector.js";

/** Which server it will be, and why. */
export interface Server {
  readonly endpoint: AzureEndpoint;
  /** The option or variable that decided. */
  readonly reason: string;
  readonly database: number | undefined;
  readonly hints: readonly string[];
}

/**
 * The option `endpoint`, else what the variables say.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_ENDPOINT_MISSING`, `ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY`, and
 * what `azureEndpoint` throws
 */
export function findServer(
  options: ServiceConnectorOptions & { readonly endpoint?: string | undefined },
  variables: ServiceConnectorVariables,
  env: Environment,
): Server {
  if (options.endpoint !== undefined) {
    const unused = variables.set(...SERVER_FIELDS);
    return {
      endpoint: azureEndpoint(options.endpoint),
      reason: "option `endpoint`",
      database: undefined,
      hints:
        unused.length === 0
          ? []
          : [`What is given as \`endpoint\` says where the server is; ${unused.join(", ")} is not asked.`],
    };
  }
  rejectMisspelt(SERVER_FIELDS, options, variables, env);
  const server = serverOf(variables);
  if (server === undefined) throw endpointMissing(variables, env);
  return server;
}

/** The server that Service Connector's variables name. */
export function serverOf(variables: ServiceConnectorVariables): Server | undefined {
  const text = variables.get("connectionString");
  const server =
    text === undefined
      ? serverByHost(variables)
      : serverByString(variables, parseConnectionString(text, variables.names.connectionString));
  if (server !== undefined)
    assertDatabase(server.database, server.endpoint.product, variables.names.database);
  return server;
}

function serverByHost({ names, get }: ServiceConnectorVariables): Server | undefined {
  const host = get("host");
  if (host === undefined) return undefined;
  const address = parsePlainAddress(host, names.host);
  const { port, isEncrypted, database } = beside({ names, get });
  if (port !== undefined && address.port !== undefined && port !== address.port) {
    throw differ(names.port, names.host, `port ${port}`, `port ${address.port}`);
  }
  if (isEncrypted === false && address.isEncrypted === true) {
    throw differ(names.ssl, names.host, "no TLS", "`rediss://`");
  }
  const given = {
    host: address.host,
    port: address.port ?? port,
    isEncrypted: isEncrypted ?? address.isEncrypted,
  };
  return { endpoint: endpointOf(given, names.host, names.port), reason: names.host, database, hints: [] };
}

/** Whatever else is set has to agree with the connection string. */
function serverByString(
  { names, get }: Pick<ServiceConnectorVariables, "names" | "get">,
  { endpoint, database, notes }: ConnectionString,
): Server {
  const text = get("host");
  const address = text === undefined ? undefined : parsePlainAddress(text, names.host);
  const other = beside({ names, get });
  const pairs = [
    ["host", names.host, address?.host, endpoint.host],
    ["port", names.host, address?.port, endpoint.port],
    ["TLS", names.host, address?.isEncrypted, endpoint.isEncrypted],
    ["port", names.port, other.port, endpoint.port],
    ["TLS", names.ssl, other.isEncrypted, endpoint.isEncrypted],
    ["database", names.database, other.database, database ?? other.database],
  ] as const;
  for (const [what, name, value, expected] of pairs) {
    if (value === undefined || value === expected) continue;
    throw differ(name, names.connectionString, `${what} ${value}`, `${what} ${expected}`);
  }
  return { endpoint, reason: names.connectionString, database: database ?? other.database, hints: notes };
}

/** What stands in variables of its own. */
function beside({ names, get }: Pick<ServiceConnectorVariables, "names" | "get">) {
  const [port, ssl, database] = [get("port"), get("ssl"), get("database")];
  return {
    port: port === undefined ? undefined : parsePort(port, names.port),
    isEncrypted: ssl === undefined ? undefined : parseSwitch(ssl, names.ssl),
    database: database === undefined ? undefined : parseDatabase(database, names.database),
  };
}

function differ(one: string, other: string, value: string, otherValue: string): PasswordlessError {
  return contradictory(
    { rule: "addresses-differ", contradiction: "addresses" },
    [one, other],
    `${one} says ${value}, ${other} says ${otherValue}.`,
    "Unset the one that is not meant, or give the option `endpoint`.",
  );
}

/** Names that others use for the same thing. */
const LIKELY = ["REDIS_HOST", "REDIS_HOSTNAME", "REDIS_ENDPOINT", "REDIS_URL", "REDIS_CONNECTION_STRING"];

function endpointMissing({ names }: ServiceConnectorVariables, env: Environment): PasswordlessError {
  const likely = LIKELY.flatMap((name) => [`AZURE_${name}`, name]).find((name) => Boolean(env[name]));
  const field = likely === undefined || !/URL|STRING/.test(likely) ? "host" : "connectionString";
  const found =
    likely === undefined ? "" : ` ${likely} is set: to use it, say \`variables: { ${field}: "${likely}" }\`.`;
  return new PasswordlessError("ERR_PASSWORDLESS_ENDPOINT_MISSING", {
    message: `Nothing says which server to connect to: no option names it, and neither ${names.host} nor ${names.connectionString} is set.`,
    remedy: `Set ${names.host}, or name the cache: behind a command's name, in code as \`azureRedis("my-cache.westus3.redis.azure.net")\` or in the option \`endpoint\`.${found}`,
    details: { host: names.host, connectionString: names.connectionString, ...(likely ? { likely } : {}) },
  });
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function assertEndpointOption(endpoint: unknown): void {
  if (endpoint === undefined || typeof endpoint === "string") return;
  throw invalidOption("endpoint", "a text such as `my-cache.westus3.redis.azure.net`", endpoint);
}
