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

export interface ReportedEndpoint {
  readonly host: string;
  readonly port: number;
  readonly product: string;
}

export interface ReportedIdentity {
  readonly kind: string;
  readonly description: string;
  readonly reason: string;
}

interface Report {
  /** Version of this structure; grows when something is removed or changes its meaning. */
  readonly schema: 1;
  /** Of this library. */
  readonly version: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly endpoint: ReportedEndpoint | undefined;
  /** The diagnosis first: the cause that explains the others comes before them. */
  readonly findings: readonly Finding[];
}

/** All that the doctor has found out; holds no secret. */
export interface DoctorReport extends Report {
  readonly kind: "doctor";
  /** `undefined` when an access key logs in, or nobody. */
  readonly identity: ReportedIdentity | undefined;
  /** Redis can be used: the login was accepted, and there is no finding of severity `error`. */
  readonly isHealthy: boolean;
  readonly steps: readonly StepReport[];
}

/** What became of one identity. */
export interface IdentityRow {
  /** The candidate's name. */
  readonly name: string;
  readonly isAvailable: "yes" | "maybe";
  readonly identity: ReportedIdentity | undefined;
  readonly token: "received" | "failed" | "skipped";
  /** Of the token: the Redis user name. */
  readonly objectId: string | undefined;
  readonly login: "accepted" | "failed" | "skipped";
  readonly findings: readonly Finding[];
  readonly steps: readonly StepReport[];
}

/** Every identity that is available here, side by side. */
export interface IdentitiesReport extends Report {
  readonly kind: "identities";
  /** At least one identity is let in. */
  readonly isHealthy: boolean;
  readonly identities: readonly IdentityRow[];
}

/** Something that happened while a rotation was watched; no secrets. */
export interface WatchEvent {
  readonly atMs: number;
  readonly name:
    | "connected"
    | "tokenRefreshed"
    | "reauthenticated"
    | "refreshFailing"
    | "reauthenticationFailing"
    | "recovered"
    | "tokenExpired"
    | "disconnected"
    | "survived";
  /** One line for humans. */
  readonly summary: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** How an open connection got through the end of its token. */
export interface WatchReport extends Report {
  readonly kind: "watch";
  readonly identity: ReportedIdentity | undefined;
  /** `survived`: commands were answered past the first token's end. `stopped`: somebody ended it before. */
  readonly outcome: "survived" | "stopped" | "failed";
  /** It has survived, or nothing had failed when it was stopped. */
  readonly isHealthy: boolean;
  /** New tokens that came. */
  readonly rotations: number;
  /** Logins on the open connection. */
  readonly reauthentications: number;
  /** The one of these that was closest to the end of the old token, in milliseconds before it. */
  readonly tightestMs: number | undefined;
  readonly commands: { readonly answered: number; readonly failed: number; readonly longestMs: number };
  /** `undefined` where `CLIENT ID` is not allowed; it is one connection also then. */
  readonly connectionId: number | undefined;
  readonly events: readonly WatchEvent[];
}
