import type { Explanation } from "../explain/explain.js";

/** The steps of the path, in the order in which they are reported. */
export const STEP_NAMES = [
  "environment",
  "dns",
  "tcp",
  "tls",
  "identityProvider",
  "token",
  "claims",
  "login",
  "whoami",
  "ping",
  "topology",
  "nodes",
  "permissions",
  "reauthentication",
  "roundTrips",
] as const;

export type StepName = (typeof STEP_NAMES)[number];

/** `warning`: it works, and will not for ever, or not for everything. `skipped`: nothing could be learned. */
export type StepStatus = "ok" | "warning" | "failed" | "skipped";

/** What one step has shown. */
export interface StepReport {
  readonly name: StepName;
  readonly status: StepStatus;
  /** `undefined` when it was skipped. */
  readonly durationMs: number | undefined;
  /** One line for humans. */
  readonly summary: string;
  /** For machines; no secrets. Instants are epoch milliseconds. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** What is wrong, why, and what to do. */
export interface Finding extends Explanation {
  readonly step: StepName;
  /** `error`: nobody can work like this. `warning`: something will fail later, or is not allowed. */
  readonly severity: "error" | "warning";
}

/** All that the doctor has found out; holds no secret. */
export interface DoctorReport {
  /** Version of this structure; grows when something is removed or changes its meaning. */
  readonly schema: 1;
  readonly version: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly endpoint: { readonly host: string; readonly port: number; readonly product: string } | undefined;
  readonly identity:
    | { readonly kind: string; readonly description: string; readonly reason: string }
    | undefined;
  /** No finding of severity `error`. */
  readonly isHealthy: boolean;
  /** The diagnosis first: the cause that explains the others comes before them. */
  readonly findings: readonly Finding[];
  readonly steps: readonly StepReport[];
}
