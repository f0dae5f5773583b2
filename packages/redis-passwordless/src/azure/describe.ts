import { PasswordlessError } from "../core/errors.js";
import { type Environment, managedIdentitySource, variable } from "../identity/managed-identity-source.js";
import { commonSettings, type IdentityKind } from "../identity/plan.js";
import {
  type AzureConnection,
  type AzureConnectionOptions,
  azureConnection,
  azureServer,
  connectorVariables,
} from "./connection.js";
import { DescribedEnvironment, type DescribedVariable, type Description } from "./description.js";
import type { AzureEndpoint } from "./endpoint.js";
import { identityOptionsOf } from "./entra-id.js";
import { type KnownVariable, knownVariables } from "./known-variables.js";

/**
 * Says where this process would connect, as whom, and which options and variables decide that. Nobody is asked, and
 * nothing is thrown for an environment that cannot work: `error` has it.
 *
 * @example
 * ```ts
 * console.log(String(describe()));
 * ```
 */
export function describe(options: AzureConnectionOptions = {}): Description {
  return describeEnvironment(options, process.env);
}

/** The same with an environment of one's own, for tests. */
export function describeEnvironment(options: AzureConnectionOptions, env: Environment): Description {
  const found = attempt(() => azureConnection(options, env));
  const connection = found instanceof PasswordlessError ? undefined : found;
  const names = orUndefined(() => connectorVariables(options, env)) ?? connectorVariables({}, env);
  const variables = describeVariables(knownVariables(names), options, env, connection);
  if (connection !== undefined) {
    return new DescribedEnvironment({ ...describeConnection(connection, env), variables, error: undefined });
  }
  // Where the server is known, only the login is at fault.
  const server = orUndefined(() => azureServer(options, env));
  return new DescribedEnvironment({
    endpoint: server && describeEndpoint(server.endpoint, server.reason),
    identity: undefined,
    accessKey: undefined,
    variables,
    hints: [],
    error: found as PasswordlessError,
  });
}

function attempt<T>(act: () => T): T | PasswordlessError {
  try {
    return act();
  } catch (error) {
    if (error instanceof PasswordlessError) return error;
    throw error;
  }
}

function orUndefined<T>(act: () => T): T | undefined {
  const result = attempt(act);
  return result instanceof PasswordlessError ? undefined : result;
}

function describeEndpoint({ host, port, product, cloud }: AzureEndpoint, reason: string) {
  return { host, port, product, cloud, reason };
}

function describeConnection(connection: AzureConnection, env: Environment) {
  const { endpoint, endpointReason, login, hints } = connection;
  const isKey = login.kind === "accessKey";
  return {
    endpoint: describeEndpoint(endpoint, endpointReason),
    identity: isKey ? undefined : describeLogin(login, env),
    accessKey: isKey ? { username: login.username, reason: login.reason } : undefined,
    hints: [...endpoint.notes, ...hints],
  };
}

const ASKS_AUTHORITY: ReadonlySet<IdentityKind> = new Set<IdentityKind>([
  "servicePrincipal",
  "workloadIdentity",
  "defaultAzureCredential",
  "ambient",
]);

function describeLogin(
  {
    identityKind: kind,
    description,
    reason,
    options,
  }: Extract<AzureConnection["login"], { kind: "entraId" }>,
  env: Environment,
) {
  const { scope, authorityHost } = commonSettings(identityOptionsOf(options), env);
  return {
    kind,
    description,
    reason,
    scope,
    authorityHost: ASKS_AUTHORITY.has(kind) ? authorityHost : undefined,
  };
}

function describeVariables(
  known: readonly KnownVariable[],
  options: AzureConnectionOptions,
  env: Environment,
  connection: AzureConnection | undefined,
): DescribedVariable[] {
  const outcome = connection && fingerprint(connection, env);
  // Left out one by one: what the rules are and how they change need not be known here.
  const decides = (name: string): boolean => {
    const without = attempt(() => {
      const less = { ...env, [name]: undefined };
      return fingerprint(azureConnection(options, less), less);
    });
    return without !== outcome;
  };
  const leavesToOthers =
    connection?.login.kind === "entraId" && connection.login.identityKind === "defaultAzureCredential";
  return known
    .filter(({ name }) => variable(env, name) !== undefined)
    .map(({ name, purpose, isSecret, isStandard, companionOf }) => ({
      name,
      value: isSecret ? HIDDEN : shown(variable(env, name) ?? ""),
      purpose,
      isUsed: connection !== undefined && ((leavesToOthers && isStandard) || decides(companionOf ?? name)),
    }));
}

/** All that a variable can decide. It holds secrets, and is compared only. */
function fingerprint(connection: AzureConnection, env: Environment): string {
  const { endpoint, endpointReason, database, login } = connection;
  const server = [endpoint, endpointReason, database];
  if (login.kind === "accessKey") {
    return JSON.stringify([server, login.username, login.password.reveal(), login.reason]);
  }
  const { clientSecret, federatedTokenFile } = login.options;
  const source = login.identityKind === "managedIdentity" ? managedIdentitySource(env) : undefined;
  return JSON.stringify([server, describeLogin(login, env), clientSecret, federatedTokenFile, source]);
}

const HIDDEN = "[secret]";

/** A value with one of these may be a key or an address with a password that got into the wrong variable. */
function shown(value: string): string {
  const withoutIPv6 = value.replace(/\[[^\]]*\]/g, "");
  // Behind a colon stands a port, `//`, or what follows a drive letter; anything else may be a password.
  return /[@=,?]|:(?!\/\/|\\|\d{1,5}(?:\/|$))/.test(withoutIPv6) ? HIDDEN : value;
}
