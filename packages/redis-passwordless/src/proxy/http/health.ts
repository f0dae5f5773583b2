import { duration } from "../../explain/duration.js";
import { type Trouble, troubleOf } from "../logs/index.js";
import type { IdentityStatus, InstanceStatus, ProxyStatus } from "../status.js";

/** Why the answer is no. */
export interface HealthReason {
  readonly reason:
    | "starting"
    | "draining"
    | "closed"
    | "untested"
    | "clientLimit"
    | "noToken"
    | "unreachable"
    | "broken";
  /** The cache that it is about. */
  readonly instance?: string;
  /** The identity that it is about. */
  readonly identity?: string;
  readonly message: string;
  readonly trouble?: Trouble;
}

export interface HealthBounds {
  /**
   * A server that cannot be reached makes the proxy unready after this many milliseconds.
   * @default 10_000
   */
  readonly failingMs: number;
  /**
   * A failure that is older than this many milliseconds counts no more. Nobody connects through a proxy that is not
   * ready, so nothing else would ever show that the server is back.
   * @default 60_000
   */
  readonly forgottenMs: number;
}

export const HEALTH_BOUNDS: HealthBounds = { failingMs: 10_000, forgottenMs: 60_000 };

/** Whether the start is over: once it is, it stays so. */
export function startupReasons(status: ProxyStatus, needsConnection: boolean): HealthReason[] {
  if (status.state === "starting") return [stateReason(status.state)];
  const untested = needsConnection
    ? status.instances.filter(({ lastConnectedAtMs }) => lastConnectedAtMs === undefined)
    : [];
  return untested.map(({ name, endpoint, lastFailure }) => ({
    reason: "untested",
    instance: name,
    message: `No connection to ${endpoint} has succeeded yet.`,
    ...(lastFailure === undefined ? {} : { trouble: troubleOf(lastFailure.error) }),
  }));
}

/** Whether new clients can be served now; an empty list means that they can. */
export function readinessReasons(
  status: ProxyStatus,
  failingSinceMs: ReadonlyMap<string, number>,
  nowMs: number,
  bounds: HealthBounds = HEALTH_BOUNDS,
): HealthReason[] {
  if (status.state !== "ready") return [stateReason(status.state)];
  return [
    ...status.instances.flatMap((instance) => [
      ...limitReasons(instance),
      ...unreachableReasons(instance, failingSinceMs.get(instance.name), nowMs, bounds),
    ]),
    ...status.identities.flatMap((identity) => tokenReasons(identity, nowMs)),
  ];
}

/**
 * Whether a restart would help. That Azure is away, or that an identity is refused, is no reason: a proxy that is
 * started anew has lost its clients, and finds the same.
 */
export function livenessReasons(status: ProxyStatus): HealthReason[] {
  return status.state === "closed" ? [stateReason(status.state)] : [];
}

const STATE_MESSAGES = {
  starting: "Not everything listens yet.",
  ready: "Everything listens.",
  draining: "The proxy is ending: those inside may finish, and nobody new should come.",
  closed: "The proxy has ended, but its process has not.",
} as const;

function stateReason(state: ProxyStatus["state"]): HealthReason {
  return { reason: state === "ready" ? "broken" : state, message: STATE_MESSAGES[state] };
}

function limitReasons({ name, maxClients, counters }: InstanceStatus): HealthReason[] {
  if (maxClients === undefined || counters.openClients < maxClients) return [];
  const message = `${counters.openClients} clients are connected, as many as there may be.`;
  return [{ reason: "clientLimit", instance: name, message }];
}

function unreachableReasons(
  { name, endpoint, lastFailure }: InstanceStatus,
  sinceMs: number | undefined,
  nowMs: number,
  { failingMs, forgottenMs }: HealthBounds,
): HealthReason[] {
  if (lastFailure === undefined) return [];
  const failingForMs = nowMs - (sinceMs ?? lastFailure.atMs);
  if (failingForMs < failingMs || nowMs - lastFailure.atMs > forgottenMs) return [];
  return [
    {
      reason: "unreachable",
      instance: name,
      message: `No connection to ${endpoint} has succeeded for ${duration(failingForMs)}.`,
      trouble: troubleOf(lastFailure.error),
    },
  ];
}

/** Without a valid token new clients wait; that is no trouble while the first one is on its way. */
function tokenReasons(identity: IdentityStatus, nowMs: number): HealthReason[] {
  const { description, failures, lastError, expiresAtMs = 0, state } = identity;
  if (expiresAtMs > nowMs || (failures === 0 && state !== "closed")) return [];
  return [
    {
      reason: "noToken",
      identity: description,
      message:
        state === "closed"
          ? `The ${description} has been closed.`
          : `There is no valid token for the ${description}, after ${failures} ${
              failures === 1 ? "failure" : "failures"
            }.`,
      ...(lastError === undefined ? {} : { trouble: troubleOf(lastError, { target: "authority" }) }),
    },
  ];
}
