import type { AccessAssignments } from "./access.js";
import { redactTokens } from "./events/redact.js";
import type { LoginVerdict } from "./gateway/gateway.js";
import { type TokenVerifierOptions, verifyRedisLogin } from "./tokens/token-verifier.js";

export interface LoginOptions extends TokenVerifierOptions {
  readonly access: AccessAssignments;
}

/** Decides on a login at the gateway: a valid token of an identity with an access policy. */
export async function decideLogin(
  username: string,
  token: string,
  { access, ...verifier }: LoginOptions,
): Promise<LoginVerdict> {
  // Clients have been seen to send the token as the username; it must not reach the event log.
  const objectId = redactTokens(username);
  const verdict = await verifyRedisLogin(username, token, verifier);
  const tokenId = verdict.tokenId === undefined ? {} : { tokenId: redactTokens(verdict.tokenId) };
  if (!verdict.accepted) {
    return { accepted: false, objectId, reason: verdict.reason, ...tokenId };
  }
  try {
    const credentials = await access.credentialsOf(objectId);
    return credentials
      ? { accepted: true, objectId, expiresAtMs: verdict.expiresAtMs, ...credentials, ...tokenId }
      : { accepted: false, objectId, reason: "the identity has no access policy on the cache", ...tokenId };
  } catch (error) {
    const reason = `the access policy could not be applied: ${error instanceof Error ? error.message : "unknown"}`;
    return { accepted: false, objectId, reason, ...tokenId };
  }
}
