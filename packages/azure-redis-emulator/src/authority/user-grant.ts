import type { IdentityRecord } from "../directory/identity-record.js";
import type { RegularAnswer } from "../faults/token-requests.js";
import { json } from "../http/http-server.js";
import { type ClientProof, displayName, newTokenId, pairwiseSubject, tokenIssuer } from "../tokens/claims.js";
import { REDIS_RESOURCE_URI, USER_PERMISSION } from "../tokens/redis-resource.js";
import type { IssuedToken, TokenDefect } from "../tokens/token-service.js";
import type { AuthorityOptions } from "./authority-options.js";
import { proveClient } from "./client-proof.js";
import { checkClient, checkTenantOfUsers } from "./clients.js";
import { EntraError } from "./entra-error.js";
import { checkScope, hasScope } from "./scope.js";
import { tokenBody } from "./token-body.js";

const DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** The grants by which a client acts for a user. */
export const USER_GRANTS: ReadonlySet<string> = new Set([
  "authorization_code",
  "refresh_token",
  DEVICE_CODE_GRANT,
  // msal's name for it.
  "device_code",
]);

/** `/.default`, or a permission by its name. */
export const USER_PERMISSIONS = new RegExp(`/(\\.default|${USER_PERMISSION})$`);

/**
 * Answers a client that acts for a user who has signed in, in the browser, with a device code, or some time ago.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
 */
export async function answerUserGrant(
  form: URLSearchParams,
  tenant: string,
  options: AuthorityOptions,
  defect: TokenDefect | undefined,
): Promise<RegularAnswer> {
  checkTenantOfUsers(tenant, options.directory);
  const clientId = checkClient(form.get("client_id"), options.directory);
  // Leaving it out in the last step asks for what the user has agreed to before.
  const scope = form.get("scope") ?? `${REDIS_RESOURCE_URI}/.default openid profile offline_access`;
  checkScope(scope, USER_PERMISSIONS, options.directory.tenantId);
  const proof = await proofOf(form, clientId, options);
  const { objectId, nonce } = redeem(form, proof, options);
  const record = options.directory.find(objectId);
  if (!record) {
    throw new EntraError(50034, "invalid_grant", "The user account does not exist in the directory.");
  }
  const issued = await options.tokens.issue(record, proof, defect, clientId);
  const body = {
    ...tokenBody(issued, options.clock.now()),
    scope: `${REDIS_RESOURCE_URI}/${USER_PERMISSION} ${REDIS_RESOURCE_URI}/.default`,
    ...(hasScope(scope, "offline_access") && {
      refresh_token: options.signIns.refreshTokens.issue({ objectId, clientId }),
    }),
    ...(hasScope(scope, "openid") && { id_token: await idToken(record, clientId, nonce, issued, options) }),
    ...(form.get("client_info") === "1" && { client_info: clientInfo(objectId, options) }),
  };
  return { answer: json(200, body), issued };
}

/** What identifies the account for msal, across tenants: its home object ID and tenant. */
export function clientInfo(objectId: string, { directory }: AuthorityOptions): string {
  return Buffer.from(JSON.stringify({ uid: objectId, utid: directory.tenantId })).toString("base64url");
}

/** A client without a secret is a public one: PKCE, or the user's own device, stand for it. */
async function proofOf(
  form: URLSearchParams,
  clientId: string,
  options: AuthorityOptions,
): Promise<ClientProof> {
  if (!form.has("client_secret") && !form.has("client_assertion")) {
    return "none";
  }
  const application = options.directory.findByClientId(clientId);
  if (!application) {
    throw new EntraError(
      700025,
      "invalid_client",
      "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
    );
  }
  return proveClient(form, application, options);
}

function redeem(
  form: URLSearchParams,
  proof: ClientProof,
  { signIns }: AuthorityOptions,
): { readonly objectId: string; readonly nonce?: string | undefined } {
  switch (form.get("grant_type")) {
    case "authorization_code":
      return signIns.authorizationCodes.redeem(form, proof);
    case "refresh_token":
      return signIns.refreshTokens.redeem(form);
    default:
      return { objectId: signIns.deviceCodes.redeem(form) };
  }
}

/** @see https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference */
function idToken(
  { identity }: IdentityRecord,
  clientId: string,
  nonce: string | undefined,
  { issuedAt, expiresAt }: IssuedToken,
  { directory, tokenKey, authorityHost }: AuthorityOptions,
): Promise<string> {
  const { tenantId } = directory;
  const { objectId, userPrincipalName = "" } = identity;
  return tokenKey.sign({
    aud: clientId,
    iss: tokenIssuer({ version: "v2", tenantId, authorityHost: authorityHost() }),
    iat: issuedAt,
    nbf: issuedAt,
    exp: expiresAt,
    name: displayName(userPrincipalName),
    ...(nonce !== undefined && { nonce }),
    oid: objectId,
    preferred_username: userPrincipalName,
    sub: pairwiseSubject(objectId, clientId),
    tid: tenantId,
    uti: newTokenId(),
    ver: "2.0",
  });
}
