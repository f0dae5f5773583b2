import { invalidOption } from "../core/errors.js";
import { rejectUnknownOptions } from "../core/unknown-options.js";
// Not from `../identity/index.js`: what is loaded here delays the first connection of every process.
import { createIdentityProvider } from "../identity/create.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { IDENTITY_OPTION_ALIASES, IDENTITY_OPTION_NAMES, type IdentityOptions } from "../identity/options.js";
import { Identity, LIFECYCLE_OPTION_NAMES, type LifecycleOptions } from "../reauth/identity.js";

export interface EntraIdOptions extends IdentityOptions, LifecycleOptions {}

/**
 * An identity of Microsoft Entra ID for Redis: give it to as many clients as you like, they share its token.
 *
 * Without options the environment decides: workload identity, service principal, managed identity of App
 * Service, Functions and Container Apps, managed identity of a virtual machine, and on a laptop the developer's
 * own login through `@azure/identity`.
 *
 * @example
 * ```ts
 * import { entraId } from "redis-passwordless";
 *
 * const identity = entraId({ clientId: "11111111-2222-3333-4444-555555555555" });
 * identity.on("refreshFailing", ({ error, expiresAtMs }) => console.warn(error, expiresAtMs));
 * ```
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` for anything that cannot be meant,
 * `ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE`
 */
export function entraId(options: EntraIdOptions = {}): Identity {
  return createIdentity(options, process.env);
}

/** The same with an environment of one's own, for tests. */
export function createIdentity(options: EntraIdOptions, env: Environment): Identity {
  if (typeof options !== "object" || options === null) throw invalidOption("options", "an object", options);
  rejectUnknownOptions(
    options,
    [...IDENTITY_OPTION_NAMES, ...LIFECYCLE_OPTION_NAMES],
    IDENTITY_OPTION_ALIASES,
  );
  const provider = createIdentityProvider(identityOptionsOf(options), env);
  const { requestTimeoutMs = provider.requestTimeoutMs } = options;
  return new Identity(provider, { ...options, requestTimeoutMs });
}

/** Those options that say who it is. */
export function identityOptionsOf(options: EntraIdOptions): IdentityOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => (IDENTITY_OPTION_NAMES as readonly string[]).includes(name)),
  );
}

let shared: Identity | undefined;

/** The identity that the environment describes; clients that name none share it. Made anew after `close()`. */
export function defaultIdentity(): Identity {
  if (shared === undefined || shared.status.state === "closed") shared = entraId();
  return shared;
}
