import { type ClientAdvice, clientAdvice } from "../azure/client-advice.js";
import { azureConnection } from "../azure/connection.js";
import type { AzureEndpoint } from "../azure/endpoint.js";
import { PasswordlessError } from "../core/errors.js";
import type { Environment } from "../identity/managed-identity-source.js";
import type { Identity } from "../reauth/identity.js";
import { type AddressMap, isAddress, reachedByEndpoint } from "../topology/address-map.js";
import { type AzureRedisSettings, assertAzureSettings } from "./settings.js";
import { sharedIdentity } from "./shared-identities.js";

/** Everything that options for a client are made of. */
export interface Cache {
  readonly endpoint: AzureEndpoint;
  readonly database: number | undefined;
  readonly identity: Identity;
  readonly advice: ClientAdvice;
  readonly addressMap: AddressMap | undefined;
}

/** An address that the client's own options hold, and what it is called there. */
export interface OwnAddress {
  readonly option: string;
  readonly text: string;
}

/**
 * Finds out by options and environment where the cache is and who logs in.
 *
 * @throws {PasswordlessError} everything that `azureConnection` throws; `ERR_PASSWORDLESS_INVALID_OPTION` for two
 * addresses
 */
export function findCache(
  settings: AzureRedisSettings,
  own: OwnAddress | undefined,
  env: Environment,
): Cache {
  assertAzureSettings(settings);
  const { identity, addressMap, checkTopology: _, ...rest } = settings;
  if (own !== undefined && rest.endpoint !== undefined) throw twoAddresses(own);
  const connection = azureConnection(
    {
      ...rest,
      ...(own === undefined ? {} : { endpoint: own.text }),
      // Who logs in is settled: nothing in the environment can contradict it.
      ...(identity === undefined ? {} : { entraId: { identityProvider: () => identityIsSettled() } }),
    },
    env,
  );
  const { endpoint } = connection;
  return {
    endpoint,
    database: connection.database,
    identity: identity ?? sharedIdentity(connection.login, env),
    advice: clientAdvice(endpoint.product),
    addressMap: addressMap ?? (isAddress(endpoint.host) ? undefined : reachedByEndpoint(endpoint.host)),
  };
}

function identityIsSettled(): never {
  throw new Error("the identity of the settings is asked instead");
}

function twoAddresses({ option }: OwnAddress): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message: `Options \`${option}\` and \`endpoint\` both name the cache.`,
    remedy: "Keep the one that is meant.",
    details: { option, otherOption: "endpoint" },
  });
}
