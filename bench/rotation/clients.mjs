import { EntraIdCredentialsProviderFactory } from "@redis/entraid";
import { entraId } from "redis-passwordless";
import { passwordless } from "redis-passwordless/node-redis";

/** @typedef {"static" | "redis-passwordless" | "@redis/entraid"} Variant */

/**
 * Makes the options of every client of one variant: all of them share one identity.
 *
 * @param {Variant} variant
 * @param {NodeJS.ProcessEnv} env
 * @returns {import("redis").RedisClientOptions}
 */
export function clientOptions(variant, env) {
  const { REDIS_URL: url = "", REDIS_USERNAME: username = "", REDIS_PASSWORD: password = "" } = env;
  if (variant === "static") return { url, username, password };
  if (variant === "redis-passwordless") {
    return passwordless({ url }, { identity: entraId({ managedIdentity: true }) });
  }
  const credentialsProvider = EntraIdCredentialsProviderFactory.createForSystemAssignedManagedIdentity({
    clientId: "system-assigned",
    tokenManagerConfig: { expirationRefreshRatio: 0.7 },
  });
  return { url, credentialsProvider };
}
