import { invalidOption } from "../core/errors.js";
import { parseAddress, parseDatabase } from "./address.js";
import { type AzureEndpoint, type AzureProduct, endpointOf } from "./endpoint.js";
import { Secret } from "./secret.js";

/** What a connection string says. */
export interface ConnectionString {
  readonly endpoint: AzureEndpoint;
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly database: number | undefined;
  /** For humans: what was not used. */
  readonly notes: readonly string[];
}

/**
 * Options of StackExchange.Redis that say how its client behaves; nothing here follows them.
 * @see https://stackexchange.github.io/StackExchange.Redis/Configuration
 */
const CLIENT_OPTIONS: ReadonlySet<string> = new Set(
  `abortConnect allowAdmin asyncTimeout channelPrefix checkCertificateRevocation configChannel configCheckSeconds
  connectRetry connectTimeout heartbeatConsistencyChecks heartbeatInterval highIntegrity includeDetailInExceptions
  includePerformanceCountersInExceptions keepAlive name preserveAsyncOrder protocol proxy resolveDns responseTimeout
  serviceName setlib sslHost sslProtocols syncTimeout tieBreaker tunnel version writeBuffer`
    .split(/\s+/)
    .map((name) => name.toLowerCase()),
);
const ACCEPTS =
  "`rediss://:<key>@<host>:<port>/0` or `<host>:<port>,password=<key>,ssl=True`, as Azure writes connection strings";

/**
 * Reads a connection string as Azure writes it, for Node.js (`rediss://:<key>@<host>:6380/0`, the key escaped or not),
 * for .NET (`<host>:6380,password=<key>,ssl=True,defaultDatabase=0`), or with nothing but the endpoint. No error shows
 * any part of it but the host.
 *
 * @param option what the text is called in errors
 * @throws {PasswordlessError} as `azureEndpoint` throws
 */
export function parseConnectionString(text: string, option = "connectionString"): ConnectionString {
  if (typeof text !== "string" || text.trim() === "") throw invalidOption(option, ACCEPTS);
  const isDotNet = !/^\s*[a-z][a-z\d+.-]*:\/\//i.test(text) && /[,=]/.test(text);
  const parsed = isDotNet ? fromDotNet(text, option) : fromUrl(text, option);
  assertDatabase(parsed.database, parsed.endpoint.product, option);
  return parsed;
}

/**
 * Azure Managed Redis and Enterprise have one database.
 *
 * @see https://learn.microsoft.com/azure/redis/configure
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function assertDatabase(database: number | undefined, product: AzureProduct, option: string): void {
  if (database === undefined || database === 0 || !(product === "managedRedis" || product === "enterprise")) {
    return;
  }
  throw invalidOption(option, "database 0 only: Azure Managed Redis has no other, and no `SELECT`", database);
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function parseSwitch(text: string, option: string): boolean {
  if (/^(?:true|yes|on|1)$/i.test(text)) return true;
  if (/^(?:false|no|off|0)$/i.test(text)) return false;
  throw invalidOption(option, "`true` or `false`");
}

function fromUrl(text: string, option: string): ConnectionString {
  const address = parseAddress(text, option);
  const { userInfo, database, hasQuery } = address;
  const [username = "", ...password] = userInfo?.split(":") ?? [];
  // Probably the key, which must not be taken for a name that may be shown.
  if (username !== "" && password.length === 0) {
    throw invalidOption(option, "the key behind a colon: `rediss://:<key>@<host>`");
  }
  return {
    endpoint: endpointOf(address, option),
    username: unescaped(username) || undefined,
    password: secret(unescaped(password.join(":"))),
    database,
    notes: hasQuery ? [`What stands behind \`?\` in ${option} is not used.`] : [],
  };
}

function fromDotNet(text: string, option: string): ConnectionString {
  const parts = text.split(",").map((part) => part.trim());
  const [server, ...more] = parts.filter((part) => part !== "" && !part.includes("="));
  if (server === undefined || more.length > 0) throw invalidOption(option, `${ACCEPTS}, with one server`);
  const values = new Map<string, string>();
  for (const part of parts.filter((part) => part.includes("="))) {
    const at = part.indexOf("=");
    values.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  const take = (name: string): string | undefined => {
    const value = values.get(name);
    values.delete(name);
    return value === "" ? undefined : value;
  };
  const [password, username, ssl, database] = ["password", "user", "ssl", "defaultdatabase"].map(take);
  const address = parseAddress(server, option);
  if (address.userInfo !== undefined) throw invalidOption(option, ACCEPTS);
  return {
    endpoint: endpointOf(
      { ...address, isEncrypted: ssl === undefined ? undefined : parseSwitch(ssl, `${option} (ssl)`) },
      option,
    ),
    username,
    password: secret(password),
    database: database === undefined ? undefined : parseDatabase(database, `${option} (defaultDatabase)`),
    notes: notesOn([...values.keys()], option),
  };
}

/** Names that are not known may be pieces of a key with a comma, so they are counted and not shown. */
function notesOn(names: readonly string[], option: string): string[] {
  const known = names.filter((name) => CLIENT_OPTIONS.has(name) && name !== "abortconnect");
  const unknown = names.filter((name) => !CLIENT_OPTIONS.has(name)).length;
  const count = unknown === 0 ? [] : [unknown === 1 ? "one that is unknown" : `${unknown} that are unknown`];
  if (known.length + unknown === 0) return [];
  return [`Options in ${option} that are not used: ${[...known, ...count].join(", ")}.`];
}

/** Access keys are base64: they hold no `%` unless they are escaped, and `+` stands for itself. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function secret(value: string | undefined): Secret | undefined {
  return value === undefined || value === "" ? undefined : new Secret(value);
}
