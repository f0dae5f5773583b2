import type { PasswordlessError } from "../core/errors.js";
import { REDIS_APPLICATION_ID, REDIS_RESOURCE, resourceOf } from "./clouds.js";
import { isGuid } from "./guid.js";
import { tokenError } from "./token-error.js";

/**
 * What an access token of Entra ID says about itself; version 1 and version 2 tokens differ in the client's claim.
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export interface TokenClaims {
  /** Object ID of the identity: the Redis user name. */
  readonly oid?: string;
  /** Tenant ID. */
  readonly tid?: string;
  /** Audience: a URI or, in version 2, an application ID. */
  readonly aud?: string;
  /** Client ID in version 1 tokens. */
  readonly appid?: string;
  /** Client ID in version 2 tokens. */
  readonly azp?: string;
  /** `app` or `user`. */
  readonly idtyp?: string;
  /** Issued at, not before and end of life, in epoch seconds. */
  readonly iat?: number;
  readonly nbf?: number;
  readonly exp?: number;
  readonly ver?: string;
  readonly iss?: string;
  /** Sign-in name of a user. */
  readonly upn?: string;
  /** Azure resource ID of a managed identity. */
  readonly xms_mirid?: string;
}

const TEXT_CLAIMS = ["oid", "tid", "aud", "appid", "azp", "idtyp", "ver", "iss", "upn", "xms_mirid"] as const;
const TIME_CLAIMS = ["iat", "nbf", "exp"] as const;

/**
 * Reads a token's claims. The signature is not verified: the token is addressed to Redis, not to us, and Redis does.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_TOKEN_INVALID` when it is not a JWT
 */
export function decodeClaims(token: string): TokenClaims {
  const parts = token.split(".");
  if (parts.length !== 3) throw notAJwt(`it has ${parts.length} part${parts.length === 1 ? "" : "s"}, not 3`);
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString("utf8"));
  } catch {
    // The parser's own message quotes the text, so it is not passed on.
    throw notAJwt("its second part is not JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw notAJwt("its second part is not a JSON object");
  }
  return pickClaims(body as Record<string, unknown>);
}

export interface ClaimExpectations {
  /** The scope that was asked for; its resource is an accepted audience. */
  readonly scope: string;
  /** The token must come from this tenant; ignored unless it is a GUID, because a domain name cannot be compared. */
  readonly expectedTenantId?: string | undefined;
  /** Now, in epoch milliseconds, by the clock of whoever issued the token when that is known. */
  readonly nowMs: number;
  /** Whether that clock is the issuer's. @default false */
  readonly isIssuersClock?: boolean | undefined;
}

/**
 * Checks that Redis can be expected to accept a token with these claims, and returns its object ID.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_AUDIENCE_MISMATCH`, `ERR_PASSWORDLESS_TENANT_MISMATCH`,
 * `ERR_PASSWORDLESS_OBJECT_ID_MISSING` or `ERR_PASSWORDLESS_TOKEN_EXPIRED`
 */
export function checkClaims(claims: TokenClaims, expected: ClaimExpectations): string {
  checkAudience(claims, expected.scope);
  checkTenant(claims, expected.expectedTenantId);
  if (claims.oid === undefined || claims.oid === "") {
    throw tokenError("ERR_PASSWORDLESS_OBJECT_ID_MISSING", {
      message: "The access token has no `oid` claim, so the Redis user name is not known.",
      facts: publicFacts(claims),
    });
  }
  if (claims.exp !== undefined && claims.exp * 1000 <= expected.nowMs) throw expired(claims, expected);
  return claims.oid;
}

/** The facts of a token that are safe to print, for `TokenResponse.details`. */
export function publicFacts(claims: TokenClaims): Record<string, string> {
  const facts: Record<string, string> = {};
  if (claims.aud !== undefined) facts["audience"] = claims.aud;
  if (claims.oid !== undefined) facts["objectId"] = claims.oid;
  if (claims.tid !== undefined) facts["tenantId"] = claims.tid;
  const clientId = claims.appid ?? claims.azp;
  if (clientId !== undefined) facts["clientId"] = clientId;
  if (claims.idtyp !== undefined) facts["identityType"] = claims.idtyp;
  if (claims.xms_mirid !== undefined) facts["resourceId"] = claims.xms_mirid;
  return facts;
}

function pickClaims(body: Record<string, unknown>): TokenClaims {
  const claims: Record<string, string | number> = {};
  for (const name of TEXT_CLAIMS) {
    const value = body[name];
    if (typeof value === "string") claims[name] = value;
  }
  // RFC 7519 §4.1.3 allows a list; Entra ID sends one value.
  if (Array.isArray(body["aud"]) && typeof body["aud"][0] === "string") claims["aud"] = body["aud"][0];
  for (const name of TIME_CLAIMS) {
    const value = Number(body[name] ?? Number.NaN);
    if (Number.isFinite(value)) claims[name] = value;
  }
  return claims;
}

function checkAudience(claims: TokenClaims, scope: string): void {
  if (claims.aud === undefined) return;
  // Which of the forms Azure issues for Redis is not documented, so each is accepted.
  const accepted = [REDIS_RESOURCE, REDIS_APPLICATION_ID, resourceOf(scope)].map(comparable);
  if (accepted.includes(comparable(claims.aud))) return;
  throw tokenError("ERR_PASSWORDLESS_AUDIENCE_MISMATCH", {
    message: `The access token is for "${claims.aud}", not for Redis ("${resourceOf(scope)}").`,
    facts: { ...publicFacts(claims), scope },
  });
}

function checkTenant(claims: TokenClaims, expectedTenantId: string | undefined): void {
  if (expectedTenantId === undefined || claims.tid === undefined || !isGuid(expectedTenantId)) return;
  if (claims.tid.toLowerCase() === expectedTenantId.toLowerCase()) return;
  throw tokenError("ERR_PASSWORDLESS_TENANT_MISMATCH", {
    message: `The access token comes from tenant ${claims.tid}; tenant ${expectedTenantId} was expected.`,
    facts: { ...publicFacts(claims), expectedTenantId },
  });
}

function comparable(audience: string): string {
  return audience.toLowerCase().replace(/\/+$/, "");
}

function expired(
  claims: TokenClaims,
  { nowMs, isIssuersClock = false }: ClaimExpectations,
): PasswordlessError {
  const expiresAtMs = (claims.exp ?? 0) * 1000;
  const ageS = Math.round((nowMs - expiresAtMs) / 1000);
  return tokenError("ERR_PASSWORDLESS_TOKEN_EXPIRED", {
    message: `The identity provider returned a token that expired ${ageS} s ago, at ${new Date(expiresAtMs).toISOString()}.`,
    facts: {
      ...publicFacts(claims),
      tokenExpiresAtMs: expiresAtMs,
      ...(isIssuersClock ? { isExpiredAtIssuer: true } : {}),
    },
  });
}

function notAJwt(why: string): PasswordlessError {
  return tokenError("ERR_PASSWORDLESS_TOKEN_INVALID", {
    message: `The identity provider returned something that is not a JSON Web Token: ${why}.`,
    facts: { tokenProblem: "notAJwt" },
  });
}
