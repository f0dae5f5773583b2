import type { ErrorCode } from "../core/errors.js";
import type { Condition } from "./facts.js";

/** Who was spoken to when something failed. */
export type Target = "redis" | "authority" | "managedIdentity" | "developerTool";

/**
 * How sure an explanation is. `certain`: nothing else looks like this. `likely`: other causes look the same from
 * here, and are named. `possible`: one of these others.
 */
export type Certainty = "certain" | "likely" | "possible";

/** Something that can be seen of a failure. */
export type Signal =
  /** Entra ID's error number, anywhere in the chain of causes. */
  | { readonly aadsts: readonly number[] | "any" }
  /**
   * An answer of an HTTP endpoint, by its status. `body`: what it says. `isForeign`: it is not JSON, so hardly the
   * endpoint's own.
   */
  | {
      readonly http: number | RegExp;
      readonly from: Target;
      readonly body?: RegExp;
      readonly isForeign?: true;
    }
  /** A code of Node's, such as `ECONNREFUSED`, anywhere in the chain of causes. */
  | { readonly network: RegExp; readonly from: Target }
  /** What Redis said, or a client that repeats it. By substring: products put words in front of Redis's own. */
  | { readonly reply: RegExp }
  /** The message of any error in the chain of causes. */
  | { readonly says: RegExp; readonly from: Target }
  /** The name of any error in the chain of causes, such as `CredentialUnavailableError`. */
  | { readonly name: RegExp; readonly from: Target }
  /** An error of this library; of any target when none is given. */
  | { readonly library: ErrorCode; readonly from?: Target };

/** A command to copy, by product where it differs; `{fact}` as in texts. */
export interface Commands {
  readonly managedRedis?: readonly string[];
  readonly cacheForRedis?: readonly string[];
  readonly any?: readonly string[];
}

/** One cause of failures. Data only: the first rule of a table that fits applies. */
export interface Rule {
  /** Stable, and a heading in `docs/errors.md`. */
  readonly id: string;
  /** The situation that it is a cause of. */
  readonly code: ErrorCode;
  /** Any one of these is seen. None: it is named as an alternative only. */
  readonly when: readonly Signal[];
  /** All of these are known to be so. */
  readonly given?: readonly Condition[];
  /** @default "certain" */
  readonly certainty?: "certain" | "likely";
  /** When these are all known to be so, nothing else is left, and what was likely is certain. */
  readonly certainGiven?: readonly Condition[];
  /** What it means: the part of a sentence after a colon. `{fact}` and `{fact|otherwise}` are filled in. */
  readonly meaning: string;
  /** One sentence to act on. */
  readonly remedy: string;
  readonly commands?: Commands;
  /** What looks the same from here, the likeliest first: ids of rules. One whose `given` is not so is left out. */
  readonly alternatives?: readonly string[];
  /** Whether it may pass without anybody's help. @default false */
  readonly isRetryable?: boolean;
}
