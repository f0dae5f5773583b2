import { createHash, randomBytes } from "node:crypto";
import type { IdentityRecord } from "../directory/identity-record.js";
import { REDIS_RESOURCE_ID, REDIS_RESOURCE_URI, USER_PERMISSION } from "./redis-resource.js";

export type TokenVersion = "v1" | "v2";

/**
 * How the client proved who it is: `appidacr` and `azpacr` are 0 for a public client, which cannot, 1 for a secret
 * and 2 for a certificate.
 */
export type ClientProof = "none" | "secret" | "certificate";
const AUTHENTICATION: Readonly<Record<ClientProof, string>> = { none: "0", secret: "1", certificate: "2" };

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
  /** The client that a user signs in to. Default: the identity's own. */
  readonly clientId?: string | undefined;
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
  const { version, tenantId, issuedAt, expiresAt, tokenId, clientId = identity.clientId } = context;
  const issuer = tokenIssuer(context);
  const clientAuthentication = AUTHENTICATION[context.proof];
  const client =
    version === "v1"
      ? { appid: clientId, appidacr: clientAuthentication, idp: issuer }
      : { azp: clientId, azpacr: clientAuthentication };
  const subject =
    identity.userPrincipalName === undefined
      ? { idtyp: "app", sub: identity.objectId }
      : userClaims(identity.userPrincipalName, pairwiseSubject(identity.objectId, clientId), version);
  return {
    aud: version === "v1" ? REDIS_RESOURCE_URI : REDIS_RESOURCE_ID,
    iss: issuer,
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
    ...client,
    ...subject,
    oid: identity.objectId,
    tid: tenantId,
    uti: tokenId,
    ver: version === "v1" ? "1.0" : "2.0",
    ...(managedResourceId !== undefined && { xms_mirid: managedResourceId }),
  };
}

/** The subject of a user's token: another one for each client. */
export function pairwiseSubject(objectId: string, clientId: string): string {
  return createHash("sha256").update(`${clientId}:${objectId}`).digest("base64url");
}

/** The name that is shown of a user. */
export function displayName(userPrincipalName: string): string {
  return userPrincipalName.split("@")[0] ?? userPrincipalName;
}

function userClaims(userPrincipalName: string, sub: string, version: TokenVersion): Record<string, unknown> {
  const names =
    version === "v1"
      ? { upn: userPrincipalName, unique_name: userPrincipalName, amr: ["pwd"] }
      : { preferred_username: userPrincipalName };
  return { idtyp: "user", sub, name: displayName(userPrincipalName), scp: USER_PERMISSION, ...names };
}
