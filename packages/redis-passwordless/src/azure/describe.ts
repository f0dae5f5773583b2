import { inspect } from "node:util";
import { PasswordlessError } from "../core/errors.js";
import { type Environment, managedIdentitySource, variable } from "../identity/managed-identity-source.js";
import { commonSettings, type IdentityKind } from "../identity/plan.js";
import {
  type AzureConnection,
  type AzureConnectionOptions,
  assertConnectionOptions,
  azureConnection,
} from "./connection.js";
import { type AzureEndpoint, display } from "./endpoint.js";
import { identityOptionsOf } from "./entra-id.js";
import { type KnownVariable, knownVariables } from "./known-variables.js";
import { serviceConnectorVariables } from "./service-connector.js";

/** A variable that is set. */
export interface DescribedVariable {
  readonly name: string;
  /** `"[secret]"` for what must not be shown. */
  readonly value: string;
  readonly purpose: string;
  /** Whether anything would be different without it; `false` for all while there is an error. */
  readonly isUsed: boolean;
}

/** What options and environment amount to. Holds no secret: it may be logged, printed and sent as JSON. */
export interface Description {
  readonly endpoint:
    | (Pick<AzureEndpoint, "host" | "port" | "product" | "cloud"> & { readonly reason: string })
    | undefined;
  /** Who logs in; `undefined` when an access key does. */
  readonly identity:
    | {
        readonly kind: IdentityKind;
        readonly description: string;
        readonly reason: string;
        readonly scope: string;
        /** Where Entra ID is asked; `undefined` when somebody else does that, such as the managed identity endpoint. */
        readonly authorityHost: string | undefined;
      }
    | undefined;
  readonly accessKey: { readonly username: string | undefined; readonly reason: string } | undefined;
  readonly variables: readonly DescribedVariable[];
  readonly hints: readonly string[];
  /** Why there is no connection; all but `variables` is empty then. */
  readonly error: PasswordlessError | undefined;
  /** A text for a terminal. */
  toString(): string;
}

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
  const named = attempt(() => {
    assertConnectionOptions(options);
    return serviceConnectorVariables(options, env);
  });
  const known = knownVariables(
    named instanceof PasswordlessError ? serviceConnectorVariables({}, env) : named,
  );
  const connection = found instanceof PasswordlessError ? undefined : found;
  return new DescribedEnvironment({
    ...(connection === undefined ? NOTHING : describeConnection(connection, env)),
    variables: describeVariables(known, options, env, connection),
    error: found instanceof PasswordlessError ? found : undefined,
  });
}

type Facts = Omit<Description, "toString">;

const NOTHING = { endpoint: undefined, identity: undefined, accessKey: undefined, hints: [] };

function attempt<T>(act: () => T): T | PasswordlessError {
  try {
    return act();
  } catch (error) {
    if (error instanceof PasswordlessError) return error;
    throw error;
  }
}

function describeConnection(connection: AzureConnection, env: Environment) {
  const { endpoint, endpointReason, login, hints } = connection;
  const { host, port, product, cloud, notes } = endpoint;
  const isKey = login.kind === "accessKey";
  return {
    endpoint: { host, port, product, cloud, reason: endpointReason },
    identity: isKey ? undefined : describeLogin(login, env),
    accessKey: isKey ? { username: login.username, reason: login.reason } : undefined,
    hints: [...notes, ...hints],
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
  return /[@=,?]/.test(value) ? HIDDEN : value;
}

class DescribedEnvironment implements Description {
  readonly endpoint: Description["endpoint"];
  readonly identity: Description["identity"];
  readonly accessKey: Description["accessKey"];
  readonly variables: Description["variables"];
  readonly hints: Description["hints"];
  readonly error: Description["error"];

  constructor(facts: Facts) {
    this.endpoint = facts.endpoint;
    this.identity = facts.identity;
    this.accessKey = facts.accessKey;
    this.variables = facts.variables;
    this.hints = facts.hints;
    this.error = facts.error;
  }

  /** An error's message is no part of its JSON otherwise. */
  toJSON(): object {
    const { code, message, remedy } = this.error ?? {};
    const error = this.error === undefined ? undefined : { code, message, remedy };
    return Object.assign({}, this, { error });
  }

  toString(): string {
    const width = Math.max(0, ...this.variables.map(({ name, value }) => name.length + 1 + value.length));
    const lines = this.variables.map(({ name, value, purpose, isUsed }) => {
      const use = isUsed ? purpose : `not used (${purpose})`;
      return `${`${name}=${value}`.padEnd(width)}  ${use}`;
    });
    return [
      ...section("Endpoint", this.#endpointLines()),
      ...section("Login", this.#loginLines()),
      ...section("Variables", lines),
      ...section("Hints", this.hints),
      ...section("Error", this.error === undefined ? [] : [this.error.message, this.error.docsUrl]),
    ].join("\n");
  }

  [inspect.custom](): unknown {
    return Object.assign({}, this);
  }

  #endpointLines(): string[] {
    if (this.endpoint === undefined) return [];
    const { host, port, product, cloud, reason } = this.endpoint;
    const what = product === "unknown" ? "no name of Azure's" : `${PRODUCTS[product]}, cloud ${cloud}`;
    return [`${display(host)}:${port} (${what})`, `because of: ${reason}`];
  }

  #loginLines(): string[] {
    if (this.accessKey !== undefined) {
      const { username, reason } = this.accessKey;
      return [`access key of user ${username ?? "default"}`, `because of: ${reason}`];
    }
    if (this.identity === undefined) return [];
    const { description, reason, scope, authorityHost } = this.identity;
    return [
      description,
      `because of: ${reason}`,
      `scope: ${scope}`,
      ...(authorityHost === undefined ? [] : [`authority: ${authorityHost}`]),
    ];
  }
}

const PRODUCTS = {
  managedRedis: "Azure Managed Redis",
  cacheForRedis: "Azure Cache for Redis",
  enterprise: "Azure Cache for Redis Enterprise",
} as const;

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [title, ...lines.map((line) => `  ${line}`)];
}
