import { decodeJwt, type JWTPayload } from "jose";
import type { IdentityRecord } from "../directory/identity-record.js";
import type { ClientProof } from "../tokens/claims.js";
import type { AuthorityOptions } from "./authority-options.js";
import { checkCertificateAssertion } from "./certificate-assertion.js";
import { EntraError, missingProof } from "./entra-error.js";
import { checkFederatedAssertion } from "./federated-assertion.js";

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * Checks what the client proves its identity with: a secret, a certificate, or somebody else's token.
 *
 * @throws {EntraError} when it does not
 */
export async function proveClient(
  form: URLSearchParams,
  record: IdentityRecord,
  options: AuthorityOptions,
): Promise<ClientProof> {
  const assertion = form.get("client_assertion");
  const secret = form.get("client_secret");
  if (assertion) {
    if (form.get("client_assertion_type") !== ASSERTION_TYPE) {
      throw new EntraError(
        900144,
        "invalid_request",
        "The request body must contain the following parameter: 'client_assertion_type'.",
      );
    }
    const claims = decoded(assertion);
    // An application that speaks for itself signs with its certificate; any other issuer is federated.
    await (claims.iss !== undefined && claims.iss === claims.sub
      ? checkCertificateAssertion(assertion, claims, record, options)
      : checkFederatedAssertion(assertion, claims, record, options));
    return "certificate";
  }
  if (!secret) {
    throw missingProof();
  }
  checkSecret(secret, record);
  return "secret";
}

function checkSecret(secret: string, { identity, secretExpired }: IdentityRecord): void {
  if (identity.secret === undefined || secret !== identity.secret) {
    throw new EntraError(
      7000215,
      "invalid_client",
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${identity.clientId}'.`,
    );
  }
  if (secretExpired) {
    throw new EntraError(
      7000222,
      "invalid_client",
      `The provided client secret keys for app '${identity.clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
    );
  }
}

function decoded(assertion: string): JWTPayload {
  try {
    return decodeJwt(assertion);
  } catch {
    throw new EntraError(50027, "invalid_request", "JWT token is invalid or malformed.");
  }
}
