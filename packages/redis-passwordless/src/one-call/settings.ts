import { assertAddressMap, assertIdentity, isIdentity } from "../adapters/settings.js";
import type { AzureConnectionOptions } from "../azure/connection.js";
import { invalidOption, PasswordlessError } from "../core/errors.js";
import { rejectUnknownOptions } from "../core/unknown-options.js";
import type { Identity } from "../reauth/identity.js";
import type { AddressMap } from "../topology/address-map.js";

/** What {@link azureRedis} should not take from the environment, or do otherwise. */
export interface AzureRedisSettings extends AzureConnectionOptions {
  /**
   * Who logs in, made with `entraId()`: for several caches or calls that share one.
   * @default by `entraId` and the environment, see `describe()`; equal ones are shared by all calls in the process
   */
  readonly identity?: Identity | undefined;
  /**
   * Where the nodes of a cluster are reached.
   * @default `reachedByEndpoint(host)`: nodes that announce IP addresses are reached under the cache's name
   */
  readonly addressMap?: AddressMap | undefined;
  /**
   * Asks the cache with the first login whether it wants this kind of client, and fails with the diagnosis if not.
   * @default true
   */
  readonly checkTopology?: boolean | undefined;
}

const SETTING_NAMES = [
  "endpoint",
  "prefix",
  "variables",
  "entraId",
  "identity",
  "addressMap",
  "checkTopology",
] as const satisfies readonly (keyof AzureRedisSettings)[];

/**
 * Rejects settings that cannot be meant.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function assertAzureSettings(settings: AzureRedisSettings): void {
  // An identity has no properties of its own, so it would pass for settings that say nothing.
  if (typeof settings !== "object" || settings === null || isIdentity(settings)) {
    throw invalidOption("settings", "an object such as `{ identity }`", settings);
  }
  rejectUnknownOptions(settings, SETTING_NAMES);
  const { identity, entraId, addressMap, checkTopology } = settings;
  assertIdentity(identity);
  assertAddressMap(addressMap);
  if (identity !== undefined && entraId !== undefined) {
    throw new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
      message: "Options `identity` and `entraId` exclude each other: both say who logs in.",
      remedy: "Keep the one that is meant.",
      details: { option: "identity", otherOption: "entraId" },
    });
  }
  if (checkTopology !== undefined && typeof checkTopology !== "boolean") {
    throw invalidOption("checkTopology", "`true` or `false`", checkTopology);
  }
}
