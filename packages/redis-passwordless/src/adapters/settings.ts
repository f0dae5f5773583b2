import { invalidOption } from "../core/errors.js";
import { rejectUnknownOptions } from "../core/unknown-options.js";
import type { Identity } from "../reauth/identity.js";
import type { AddressMap } from "../topology/address-map.js";
import type { TopologyCheck } from "../topology/topology.js";

export interface PasswordlessSettings {
  /** Who logs in. @default the identity that the environment describes, shared by all clients of the process */
  readonly identity?: Identity | undefined;
  /**
   * Lets the token travel unencrypted to hosts other than this machine, where something else protects it.
   * @default false
   */
  readonly allowPlaintext?: boolean | undefined;
  /**
   * Where the nodes of a cluster are reached, and under which name their certificates are verified.
   * @default nodes that an Azure cache announces by IP address are reached under its name; those of other clusters
   * are reached where they are, and verified under the name of the first node
   */
  readonly addressMap?: AddressMap | undefined;
}

/** What this library's own entry points add to the caller's settings. */
export interface InnerSettings {
  readonly topology?: TopologyCheck | undefined;
  /** Connections of clients that have no such option of their own get a PING after so long a silence. */
  readonly pingIntervalMs?: number | undefined;
}

const SETTING_NAMES = [
  "identity",
  "allowPlaintext",
  "addressMap",
] as const satisfies readonly (keyof PasswordlessSettings)[];

/**
 * Rejects settings that cannot be meant.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function assertSettings(settings: PasswordlessSettings): void {
  // An identity has no properties of its own, so it would pass for settings that say nothing.
  if (typeof settings !== "object" || settings === null || isIdentity(settings)) {
    throw invalidOption("settings", "an object such as `{ identity }`", settings);
  }
  rejectUnknownOptions(settings, SETTING_NAMES);
  const { identity, allowPlaintext, addressMap } = settings;
  assertIdentity(identity);
  if (allowPlaintext !== undefined && typeof allowPlaintext !== "boolean") {
    throw invalidOption("allowPlaintext", "`true` or `false`", allowPlaintext);
  }
  assertAddressMap(addressMap);
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function assertIdentity(identity: unknown): void {
  if (identity !== undefined && !isIdentity(identity)) {
    throw invalidOption(
      "identity",
      "what `entraId()` returns; a credential of another library becomes one with `entraId({ credential })`",
      identity,
    );
  }
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function assertAddressMap(addressMap: unknown): void {
  if (addressMap !== undefined && typeof addressMap !== "function") {
    throw invalidOption("addressMap", "a function, such as `reachedByEndpoint(host)` makes one", addressMap);
  }
}

/** By its members, because it may come from another copy of this library, whose class is another one. */
export function isIdentity(value: unknown): value is Identity {
  const candidate = value as Partial<Identity> | null | undefined;
  return (["getToken", "reauthenticator", "on", "close"] as const).every(
    (method) => typeof candidate?.[method] === "function",
  );
}
