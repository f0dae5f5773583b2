import type { AzureConnectionOptions } from "../azure/connection.js";
import type { Clock } from "../core/clock.js";
import { invalidOption } from "../core/errors.js";
import { duration } from "../core/options.js";
import type { Environment } from "../identity/managed-identity-source.js";
import type { StepReport } from "./report.js";
import type { Resolver } from "./resolver.js";

/** What is examined, and how far. */
export interface DoctorOptions {
  /** Where and who; `entraId` when an identity is forced. */
  readonly connection: AzureConnectionOptions;
  /**
   * Reads only: nothing is written, nothing published.
   * @default false
   */
  readonly isReadOnly?: boolean | undefined;
  /**
   * Put before the names of the scratch key and the scratch channel, for access policies that allow some names only.
   * @default ""
   */
  readonly keyPrefix?: string | undefined;
  /** Certificate authorities (PEM) to trust at Redis, in addition to the system's. */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * After this many milliseconds the report is there, whatever answers or does not.
   * @default 15_000
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How many PINGs the round-trip times are of.
   * @default 50
   */
  readonly pings?: number | undefined;
}

/** What the doctor depends on besides its options; tests bring their own. */
export interface DoctorSurroundings {
  readonly env: Environment;
  readonly clock: Clock;
  readonly random: () => number;
  /** @default Node's */
  readonly resolver?: Resolver | undefined;
}

/** Who follows an examination while it runs. */
export interface Watch {
  /** Ends the examination; what is known by then is reported. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each step as soon as it and all before it are done. */
  readonly onStep?: ((step: StepReport) => void) | undefined;
}

export interface ResolvedOptions {
  readonly connection: AzureConnectionOptions;
  readonly isReadOnly: boolean;
  readonly keyPrefix: string;
  readonly ca: readonly string[];
  readonly timeoutMs: number;
  readonly pings: number;
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` */
export function resolveOptions(options: DoctorOptions): ResolvedOptions {
  const { connection, isReadOnly = false, keyPrefix = "", ca = [], timeoutMs = 15_000, pings = 50 } = options;
  if (!Number.isInteger(pings) || pings < 1 || pings > 100_000) {
    throw invalidOption("pings", "a whole number from 1 to 100000", pings);
  }
  return {
    connection,
    isReadOnly,
    keyPrefix,
    ca: typeof ca === "string" ? [ca] : ca,
    timeoutMs: duration("timeoutMs", timeoutMs, 100),
    pings,
  };
}
