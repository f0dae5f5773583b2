import { duration } from "../../../explain/duration.js";
import { type Trouble, troubleOf } from "../../logs/index.js";
import type { ProxyStatus } from "../../status.js";
import type { HealthReason } from "../health.js";

/** Something that is wrong now. */
export interface Problem {
  /** `bad`: new clients cannot be served. `doubtful`: they can, and it may not stay so. */
  readonly severity: "bad" | "doubtful";
  /** Stays the same while it is the same problem. */
  readonly id: string;
  readonly title: string;
  readonly trouble?: Trouble;
}

/** What keeps clients from being served, and then what may do so later. */
export function problemsOf(
  status: ProxyStatus,
  reasons: readonly HealthReason[],
  nowMs: number,
): readonly Problem[] {
  const bad = reasons
    .filter(({ reason }) => reason !== "starting" && reason !== "draining")
    .map(({ reason, instance, identity, message, trouble }): Problem => {
      const title = instance === undefined ? message : `${instance}: ${message}`;
      const id = `${reason}-${instance ?? identity ?? ""}`;
      return { severity: "bad", id, title, ...(trouble === undefined ? {} : { trouble }) };
    });
  const isTold = (kind: "instance" | "identity", name: string): boolean =>
    reasons.some((reason) => reason[kind] === name && reason.trouble !== undefined);
  const unreachable = status.instances.flatMap(({ name, endpoint, lastFailure }): Problem[] => {
    if (lastFailure === undefined || isTold("instance", name)) return [];
    const title = `${name}: the last connection to ${endpoint} failed ${duration(nowMs - lastFailure.atMs)} ago.`;
    return [{ severity: "doubtful", id: `failed-${name}`, title, trouble: troubleOf(lastFailure.error) }];
  });
  const ending = status.identities.flatMap(({ description, failures, lastError, expiresAtMs }): Problem[] => {
    if (failures === 0 || isTold("identity", description)) return [];
    const title = `No new token for the ${description}; the current one lasts for another ${duration(
      (expiresAtMs ?? nowMs) - nowMs,
    )}.`;
    const trouble = troubleOf(lastError, { target: "authority" });
    return [{ severity: "doubtful", id: `token-${description}`, title, trouble }];
  });
  return [...bad, ...unreachable, ...ending];
}
