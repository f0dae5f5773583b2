import { troubleOf } from "../logs/index.js";
import type { ProxyStatus } from "../status.js";
import type { HealthReason } from "./health.js";
import type { TimelineEntry } from "./timeline.js";

/** What `/status` answers with: the proxy's status with instants in ISO 8601 and errors explained, and no secret. */
export function statusDocument(
  { state, startedAtMs, instances, identities }: ProxyStatus,
  reasons: readonly HealthReason[],
  timeline: readonly TimelineEntry[],
  version: string,
): Record<string, unknown> {
  return {
    schema: 1,
    version,
    state,
    startedAt: iso(startedAtMs),
    ready: reasons.length === 0,
    reasons,
    instances: instances.map(({ lastConnectedAtMs, lastFailure, ...instance }) => ({
      ...instance,
      lastConnectedAt: iso(lastConnectedAtMs),
      lastFailure:
        lastFailure === undefined
          ? undefined
          : { at: iso(lastFailure.atMs), ...troubleOf(lastFailure.error) },
    })),
    identities: identities.map(({ issuedAtMs, expiresAtMs, lastError, ...identity }) => ({
      ...identity,
      issuedAt: iso(issuedAtMs),
      expiresAt: iso(expiresAtMs),
      lastError: lastError === undefined ? undefined : troubleOf(lastError, { target: "authority" }),
    })),
    events: timeline.map(
      ({ id, notice: { level, event, atMs, text, fields, trouble }, firstAtMs, times }) => ({
        id,
        at: iso(atMs),
        level,
        event,
        message: text,
        ...fields,
        ...(trouble === undefined ? {} : { trouble }),
        ...(times === 1 ? {} : { times, firstAt: iso(firstAtMs) }),
      }),
    ),
  };
}

function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
