import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import type { EmulatorClock } from "../clock.js";
import type { Directory } from "../directory/directory.js";
import type { IdentityRecord } from "../directory/identity-record.js";
import { tokenIssuer } from "./claims.js";
import { REDIS_AUDIENCES } from "./redis-resource.js";
import type { SigningKey } from "./signing-keys.js";

/** The outcome of a login's check: who it is and until when, or why not. */
export type TokenVerdict =
  | {
      readonly accepted: true;
      readonly record: IdentityRecord;
      readonly tokenId?: string;
      /** End of the token, epoch milliseconds. */
      readonly expiresAtMs: number;
    }
  | { readonly accepted: false; readonly tokenId?: string; readonly reason: string };

export interface TokenVerifierOptions {
  readonly clock: EmulatorClock;
  readonly directory: Directory;
  readonly key: SigningKey;
  readonly authorityHost: () => string;
}

/**
 * Checks a Redis login as Azure documents it: a token of this tenant for Redis, within its time, and its
 * object ID as the username. Whether the identity has an access policy is for the caller to check.
 *
 * Azure tells the client none of the reasons given here: they are for the event log.
 */
export async function verifyRedisLogin(
  username: string,
  token: string,
  { clock, directory, key, authorityHost }: TokenVerifierOptions,
): Promise<TokenVerdict> {
  const tokenId = tokenIdOf(token);
  const refused = (reason: string): TokenVerdict => ({
    accepted: false,
    reason,
    ...(tokenId !== undefined && { tokenId }),
  });
  const issuers = (["v1", "v2"] as const).map((version) =>
    tokenIssuer({ version, tenantId: directory.tenantId, authorityHost: authorityHost() }),
  );

  let claims: JWTPayload;
  try {
    const verified = await jwtVerify(token, key.publicKey, {
      algorithms: ["RS256"],
      audience: [...REDIS_AUDIENCES],
      issuer: issuers,
      requiredClaims: ["exp", "oid"],
      currentDate: new Date(clock.now()),
    });
    claims = verified.payload;
  } catch (error) {
    return refused(reasonOf(error));
  }
  const { oid, tid, exp } = claims;
  if (tid !== undefined && tid !== directory.tenantId) {
    return refused("the token belongs to another tenant");
  }
  if (oid !== username) {
    return refused("the username is not the token's object ID");
  }
  const record = directory.find(username);
  if (!record || exp === undefined) {
    return refused("the directory has no such identity");
  }
  return { accepted: true, record, expiresAtMs: exp * 1000, ...(tokenId !== undefined && { tokenId }) };
}

/** The `uti` of what may or may not be a token. */
function tokenIdOf(token: string): string | undefined {
  try {
    const { uti } = decodeJwt(token);
    return typeof uti === "string" ? uti : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTExpired) {
    return "the token has expired";
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === "nbf" && error.reason === "check_failed"
      ? "the token is not valid yet"
      : `the token's claim "${error.claim}" is missing or wrong`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return "the token's signature is not the tenant's";
  }
  return "the password is not a token that Entra ID would sign";
}
