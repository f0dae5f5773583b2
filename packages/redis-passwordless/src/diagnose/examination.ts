import type { Clock } from "../core/clock.js";
import type { Facts } from "../explain/facts.js";
import type { Environment } from "../identity/managed-identity-source.js";
import type { ResolvedOptions } from "./options.js";
import type { Resolver } from "./resolver.js";
import type { Steps } from "./steps.js";

/** What has been found out so far; every explanation may use all of it. */
export type Known = { -readonly [Name in keyof Facts]: Facts[Name] };

/** One run of the doctor, as its steps see it. */
export interface Examination {
  readonly options: ResolvedOptions;
  readonly env: Environment;
  readonly clock: Clock;
  readonly random: () => number;
  readonly resolver: Resolver;
  readonly steps: Steps;
  readonly known: Known;
}
