import { type ClientAdvice, clientAdvice } from "../azure/client-advice.js";
import { type AzureConnectionOptions, azureConnection, serverForIdentity } from "../azure/connection.js";
import { type AzureEndpoint, azureEndpoint } from "../azure/endpoint.js";
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

/** The address that host and port in a client's own options amount to; `option` has the host. */
export function ownAddress(option: string, host: string, port: number | string | undefined): OwnAddress {
  const name = typeof host === "string" && host.includes(":") ? `[${host}]` : host;
  return { option, text: port === undefined ? name : `${name}:${port}` };
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
  if (own !== undefined) {
    if (rest.endpoint !== undefined) throw twoAddresses(own);
    // What is wrong with it is said in the caller's words.
    azureEndpoint(own.text, own.option);
  }
  const where = { ...rest, ...(own === undefined ? {} : { endpoint: own.text }) };
  const found = whereAndWho(where, identity, env);
  const { endpoint } = found;
  return {
    endpoint,
    database: found.database,
    identity: found.identity,
    advice: clientAdvice(endpoint.product),
    addressMap: addressMap ?? (isAddress(endpoint.host) ? undefined : reachedByEndpoint(endpoint.host)),
  };
}

/** With an identity of the caller's, nothing that the environment says of a login can contradict it. */
function whereAndWho(
  where: AzureConnectionOptions,
  identity: Identity | undefined,
  env: Environment,
): Omit<Cache, "advice" | "addressMap"> {
  if (identity !== undefined) return { ...serverForIdentity(where, env), identity };
  const { endpoint, database, login } = azureConnection(where, env);
  return { endpoint, database, identity: sharedIdentity(login, env) };
}

function twoAddresses({ option }: OwnAddress): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message: `Options \`${option}\` and \`endpoint\` both name the cache.`,
    remedy: "Keep the one that is meant.",
    details: { option, otherOption: "endpoint" },
  });
}
