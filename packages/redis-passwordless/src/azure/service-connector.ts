import { invalidOption, PasswordlessError } from "../core/errors.js";
import { rejectUnknownOptions } from "../core/unknown-options.js";
import type { Facts } from "../explain/facts.js";
import type { Environment } from "../identity/managed-identity-source.js";

/** What a variable of Azure Service Connector holds. */
export type ServiceConnectorField =
  | "host"
  | "port"
  | "database"
  | "password"
  | "ssl"
  | "clientId"
  | "clientSecret"
  | "tenantId"
  | "connectionString"
  | "scope";

/** How Service Connector's variables are called. */
export interface ServiceConnectorOptions {
  /**
   * What the names begin with; `_HOST`, `_CLIENTID` and so on follow.
   * @default "AZURE_REDIS"
   */
  readonly prefix?: string | undefined;
  /** Names of one's own, such as `{ host: "MY_HOST" }`; all others keep the prefix. */
  readonly variables?: Partial<Readonly<Record<ServiceConnectorField, string>>> | undefined;
}

/** The variables, read. Values are behind a function, so that nothing that prints the object shows a secret. */
export interface ServiceConnectorVariables {
  /** Every name, whether it is set or not. */
  readonly names: Readonly<Record<ServiceConnectorField, string>>;
  /** The value without white space around it; an empty one counts as unset. */
  readonly get: (field: ServiceConnectorField) => string | undefined;
  /** The names of those fields that are set. */
  readonly set: (...fields: readonly ServiceConnectorField[]) => string[];
}

/**
 * Endings of the names. Service Connector writes no underscore within them.
 * @see https://learn.microsoft.com/azure/service-connector/how-to-integrate-redis-cache — `_SCOPE` is not among its
 * variables for Redis, but it is for other services
 */
const ENDINGS: Readonly<Record<ServiceConnectorField, string>> = {
  host: "HOST",
  port: "PORT",
  database: "DATABASE",
  password: "PASSWORD",
  ssl: "SSL",
  clientId: "CLIENTID",
  clientSecret: "CLIENTSECRET",
  tenantId: "TENANTID",
  connectionString: "CONNECTIONSTRING",
  scope: "SCOPE",
};
const FIELDS = Object.keys(ENDINGS) as ServiceConnectorField[];

/** Fields that say who logs in; all others say where. */
export const IDENTITY_FIELDS = ["clientId", "clientSecret", "tenantId"] as const;
export const SERVER_FIELDS = ["host", "port", "database", "ssl", "connectionString"] as const;

/**
 * Reads the variables of Azure Service Connector.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function serviceConnectorVariables(
  { prefix = "AZURE_REDIS", variables = {} }: ServiceConnectorOptions,
  env: Environment,
): ServiceConnectorVariables {
  assertNames(prefix, variables);
  const names = Object.fromEntries(
    FIELDS.map((field) => [field, variables[field] ?? `${prefix}_${ENDINGS[field]}`]),
  ) as Record<ServiceConnectorField, string>;
  const get = (field: ServiceConnectorField) => env[names[field]]?.trim() || undefined;
  return {
    names,
    get,
    set: (...fields) => fields.filter((field) => get(field) !== undefined).map((field) => names[field]),
  };
}

/**
 * Refuses names with an underscore too many, such as `AZURE_REDIS_CLIENT_ID`, where the right one is not set: nobody
 * would read them.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`, with the right name
 */
export function rejectMisspelt(
  fields: readonly ServiceConnectorField[],
  { prefix = "AZURE_REDIS" }: ServiceConnectorOptions,
  { names, get }: ServiceConnectorVariables,
  env: Environment,
): void {
  const known = new Set(Object.values(names));
  for (const field of fields) {
    if (get(field) !== undefined || names[field] !== `${prefix}_${ENDINGS[field]}`) continue;
    const isMisspelt = (name: string) =>
      name.startsWith(`${prefix}_`) &&
      name.slice(prefix.length).replaceAll("_", "") === ENDINGS[field] &&
      !known.has(name) &&
      (env[name] ?? "").trim() !== "";
    const misspelt = Object.keys(env).find(isMisspelt);
    if (misspelt === undefined) continue;
    throw new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
      message: `${misspelt} is set, and nobody reads it.`,
      remedy: `Service Connector calls it ${names[field]}: rename it, or say \`variables: { ${field}: "${misspelt}" }\`.`,
      details: { option: misspelt, suggestion: names[field] },
    });
  }
}

/** In what two settings contradict each other: a rule of `explain/`, and the fact by which it is found again. */
export interface Contradiction {
  readonly rule: string;
  readonly contradiction: NonNullable<Facts["contradiction"]>;
}

/** The error for two settings of which only one can be meant. */
export function contradictory(
  { rule, contradiction }: Contradiction,
  [variable, otherVariable]: readonly [string, string],
  message: string,
  remedy: string,
): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY", {
    message,
    remedy,
    rule,
    details: { variable, otherVariable, contradiction },
  });
}

function assertNames(prefix: string, variables: NonNullable<ServiceConnectorOptions["variables"]>): void {
  if (typeof prefix !== "string" || !/^[A-Za-z]\w*$/.test(prefix) || prefix.endsWith("_")) {
    throw invalidOption("prefix", "what stands before `_HOST`, such as `AZURE_REDIS`", prefix);
  }
  if (typeof variables !== "object" || variables === null) {
    throw invalidOption("variables", 'names of variables, such as `{ host: "MY_HOST" }`', variables);
  }
  rejectUnknownOptions(variables, FIELDS, {}, "variables.");
  for (const [field, name] of Object.entries(variables)) {
    if (name === undefined || (typeof name === "string" && name.trim() !== "")) continue;
    throw invalidOption(`variables.${field}`, "the name of a variable", name);
  }
}
