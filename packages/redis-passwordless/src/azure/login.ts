import { inspect } from "node:util";
import { PasswordlessError } from "../core/errors.js";
import { describeIdentity } from "../identity/create.js";
import { variable } from "../identity/managed-identity-source.js";
import { IDENTIFYING_OPTION_NAMES } from "../identity/options.js";
import type { IdentityKind } from "../identity/plan.js";
import { type AccessKeyLogin, findAccessKey } from "./access-key.js";
import { ENTERPRISE_RETIREMENT } from "./endpoint.js";
import { type EntraIdOptions, identityOptionsOf } from "./entra-id.js";
import { identityByVariables } from "./named-identity.js";
import type { Server } from "./server.js";
import { IDENTITY_FIELDS, type ServiceConnectorVariables } from "./service-connector.js";
import type { Situation } from "./situation.js";
import { cloudOf, scopeOf } from "./token-source.js";

/** How to log in: with an identity, or with an access key. */
export type AzureLogin =
  | {
      readonly kind: "entraId";
      /** For `entraId()`. They may hold a client secret, so no output shows them. */
      readonly options: EntraIdOptions;
      readonly identityKind: IdentityKind;
      /** For humans: `managed identity with client ID 1111…`. */
      readonly description: string;
      /** The options or variables that decided. */
      readonly reason: string;
    }
  | AccessKeyLogin;

/**
 * The first that applies: options of `entraId`, Service Connector's variables, Azure's standard variables.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY`, `ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED`,
 * and what `entraId` throws
 */
export function findLogin(situation: Situation): AzureLogin {
  return findAccessKey(situation) ?? findIdentity(situation);
}

function findIdentity(situation: Situation): AzureLogin {
  const { options, variables, server, env } = situation;
  assertEntraId(server, variables);
  const given = Object.fromEntries(
    Object.entries(options.entraId ?? {}).filter(([, value]) => value !== undefined),
  ) as EntraIdOptions;
  const isSettled = IDENTIFYING_OPTION_NAMES.some((name) => given[name] !== undefined);
  const named = isSettled ? undefined : identityByVariables(situation);
  const all = { ...named?.options, ...scopeOf(situation), ...cloudOf(situation), ...given };
  const { kind, description, reason } = describeIdentity(identityOptionsOf(all), env);
  if (isSettled) hintAtUnused(situation);
  else if (named === undefined) hintAtClientId(situation, kind);
  return new EntraIdLogin(all, kind, description, named?.reason ?? reason);
}

function hintAtUnused({ variables, hints }: Situation): void {
  const unused = variables.set(...IDENTITY_FIELDS);
  if (unused.length === 0) return;
  hints.push(
    `The option \`entraId\` says who logs in, so ${unused.join(", ")} ${unused.length > 1 ? "are" : "is"} not used.`,
  );
}

/** Service Connector sets nothing but the host for a system-assigned identity. */
function hintAtClientId({ variables, server, env, hints }: Situation, kind: IdentityKind): void {
  const clientId = variable(env, "AZURE_CLIENT_ID");
  const isManaged = kind === "managedIdentity" || kind === "ambient";
  if (clientId === undefined || !isManaged || server.reason === "option `endpoint`") return;
  hints.push(
    `AZURE_CLIENT_ID is set, so the managed identity is the user-assigned one with that client ID. If the system-assigned one is meant, which Service Connector shows by ${variables.names.host} alone, give the option \`entraId: { managedIdentity: true }\` or unset AZURE_CLIENT_ID.`,
  );
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED` */
export function assertEntraId({ endpoint }: Server, { names }: ServiceConnectorVariables): void {
  if (endpoint.supportsEntraId) return;
  const { host } = endpoint;
  throw new PasswordlessError("ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED", {
    message: `Microsoft Entra ID cannot log in to ${host}: ${ENTERPRISE_RETIREMENT}`,
    remedy: `Migrate the cache to Azure Managed Redis, or log in with an access key (${names.connectionString} or ${names.password}) until then.`,
    details: { host },
  });
}

/** Shows everything but the options, which may hold a client secret. */
class EntraIdLogin {
  readonly kind = "entraId";
  readonly identityKind: IdentityKind;
  readonly description: string;
  readonly reason: string;
  readonly #options: EntraIdOptions;

  constructor(options: EntraIdOptions, identityKind: IdentityKind, description: string, reason: string) {
    this.#options = options;
    this.identityKind = identityKind;
    this.description = description;
    this.reason = reason;
  }

  get options(): EntraIdOptions {
    return this.#options;
  }

  [inspect.custom](): unknown {
    const { kind, identityKind, description, reason } = this;
    return { kind, identityKind, description, reason };
  }
}
