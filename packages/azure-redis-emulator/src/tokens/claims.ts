import { randomBytes } from "node:crypto";
import type { IdentityRecord } from "../directory/identity-record.js";
import { REDIS_RESOURCE_ID, REDIS_RESOURCE_URI } from "./redis-resource.js";

export type TokenVersion = "v1" | "v2";

/** How the client proved who it is: `appidacr` and `azpacr` are 1 for a secret and 2 for a certificate. */
export type ClientProof = "secret" | "certificate";

export interface TokenTimes {
  /** Epoch seconds. */
  readonly issuedAt: number;
  /** Epoch seconds. */
  readonly expiresAt: number;
}

export interface ClaimsContext extends TokenTimes {
  readonly version: TokenVersion;
  readonly tenantId: string;
  readonly authorityHost: string;
  readonly proof: ClientProof;
  readonly tokenId: string;
}

/**
 * When a token that lives `lifetimeMs` begins and ends, in whole seconds as JWTs have it.
 *
 * The beginning is rounded down and the end up: a token is valid at once and for as long as was asked for,
 * up to one second longer.
 */
export function tokenTimes(nowMs: number, lifetimeMs: number): TokenTimes {
  return { issuedAt: Math.floor(nowMs / 1000), expiresAt: Math.ceil((nowMs + lifetimeMs) / 1000) };
}

/** Whole seconds that are left: rounded down, so that nobody who counts from now overruns the token's end. */
export function expiresIn(nowMs: number, expiresAt: number): number {
  return Math.max(0, Math.floor(expiresAt - nowMs / 1000));
}

/** A new `uti`, 128 random bits in base64url; never with the letters that a JWT begins with. */
export function newTokenId(): string {
  const tokenId = randomBytes(16).toString("base64url");
  return tokenId.includes("eyJ") ? newTokenId() : tokenId;
}

/** The issuer of access tokens. */
export function tokenIssuer(context: Pick<ClaimsContext, "version" | "tenantId" | "authorityHost">): string {
  return context.version === "v1"
    ? `https://sts.windows.net/${context.tenantId}/`
    : `${context.authorityHost}/${context.tenantId}/v2.0`;
}

/**
 * The claims of an access token for Redis.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
 */
export function accessTokenClaims(record: IdentityRecord, context: ClaimsContext): Record<string, unknown> {
  const { identity, managedResourceId } = record;
  const { version, tenantId, issuedAt, expiresAt, tokenId } = context;
  const issuer = tokenIssuer(context);
  const clientAuthentication = context.proof === "secret" ? "1" : "2";
  const client =
    version === "v1"
      ? { appid: identity.clientId, appidacr: clientAuthentication, idp: issuer }
      : { azp: identity.clientId, azpacr: clientAuthentication };
  return {
    aud: version === "v1" ? REDIS_RESOURCE_URI : REDIS_RESOURCE_ID,
    iss: issuer,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
    ...client,
    idtyp: "app",
    oid: identity.objectId,
    sub: identity.objectId,
    tid: tenantId,
    uti: tokenId,
    ver: version === "v1" ? "1.0" : "2.0",
    ...(managedResourceId !== undefined && { xms_mirid: managedResourceId }),
  };
}
