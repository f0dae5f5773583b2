import { systemClock } from "../core/clock.js";
import type { TokenResponse } from "../core/token.js";
import { checkClaims, decodeClaims, publicFacts } from "./claims.js";

/** What a token is checked against before it is handed on. */
export interface TokenExpectations {
  readonly scope: string;
  readonly expectedTenantId?: string | undefined;
}

/** A token as a provider answered it; the rest is found in its claims. */
export interface RawToken {
  readonly token: string;
  /** End of life in epoch milliseconds, used when the token has no `exp` claim. */
  readonly expiresAtMs?: number | undefined;
  readonly refreshAtMs?: number | undefined;
  readonly serverTimeMs?: number | undefined;
  readonly username?: string | undefined;
}

/** Checks an access token of Entra ID by its claims and completes it with them. */
export function toTokenResponse(raw: RawToken, expected: TokenExpectations): TokenResponse {
  const claims = decodeClaims(raw.token);
  // The issuer's clock judges expiry where it is known: ours may be wrong, and that is measured elsewhere.
  const nowMs = raw.serverTimeMs ?? systemClock.now();
  const objectId = checkClaims(claims, {
    ...expected,
    nowMs,
    isIssuersClock: raw.serverTimeMs !== undefined,
  });
  // Redis goes by `exp`; what the endpoint says beside it can only add its own errors.
  const expiresAtMs = claims.exp === undefined ? (raw.expiresAtMs ?? nowMs) : claims.exp * 1000;
  return {
    token: raw.token,
    username: raw.username ?? objectId,
    expiresAtMs,
    details: publicFacts(claims),
    ...(raw.refreshAtMs === undefined ? {} : { refreshAtMs: raw.refreshAtMs }),
    ...(raw.serverTimeMs === undefined ? {} : { serverTimeMs: raw.serverTimeMs }),
  };
}

/**
 * Reads a point in time as token endpoints write it: epoch seconds as number or text (`expires_on` of IMDS and App
 * Service), or a date (`9/14/2026 4:05:06 PM +00:00`, App Service's api-version 2017-09-01; ISO 8601). Epoch milliseconds.
 */
export function parseInstant(value: unknown): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const seconds = Number(value);
  if (value !== "" && Number.isFinite(seconds)) return seconds * 1000;
  const atMs = Date.parse(String(value));
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** Reads a duration in seconds, as number or text; in milliseconds. */
export function parseSeconds(value: unknown): number | undefined {
  if ((typeof value !== "string" && typeof value !== "number") || value === "") return undefined;
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** The JSON object in a body, or `undefined` when there is none. */
export function parseObject(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** A member of a JSON object, when it is a text. */
export function textOf(object: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = object[name];
  return typeof value === "string" ? value : undefined;
}
