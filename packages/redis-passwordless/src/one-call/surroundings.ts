import { processEnvironment } from "../azure/environment.js";
import { type Clock, systemClock } from "../core/clock.js";
import { invalidOption } from "../core/errors.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { type Topology, TopologyCheck } from "../topology/topology.js";
import type { AzureRedisSettings } from "./settings.js";

/** What the one call depends on besides its arguments; tests bring their own. */
export interface Surroundings {
  readonly env: Environment;
  readonly clock: Clock;
  readonly random: () => number;
}

export function surroundings(own: Partial<Surroundings>): Surroundings {
  return { env: processEnvironment, clock: systemClock, random: Math.random, ...own };
}

/** How the calls of one client library are written, for messages. */
export interface CallNames {
  readonly single: string;
  readonly cluster: string;
  readonly either: string;
}

/** The check with the first login, unless the caller does without. */
export function topologyCheck(
  expected: Topology,
  names: CallNames,
  { checkTopology = true }: AzureRedisSettings,
): TopologyCheck | undefined {
  if (!checkTopology) return undefined;
  const other = expected === "single" ? "cluster" : "single";
  return new TopologyCheck(expected, {
    used: names[expected],
    needed: `${names[other]}, or ${names.either} for either`,
  });
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function assertObject(value: unknown, option: string): asserts value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidOption(option, "an object", value);
  }
}
