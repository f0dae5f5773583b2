import { EntraError } from "./entra-error.js";

type Words = readonly [error: EntraError["error"], message: string];

const TRANSIENT: Words = [
  "temporarily_unavailable",
  "The service is temporarily unavailable. Please retry later.",
];

/**
 * What Entra ID says with a number, shortened, where a fault asks for it. The errors that a request earns by itself are
 * made where the request is checked.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const WORDS: Readonly<Record<number, Words>> = {
  50001: ["invalid_resource", "The resource principal was not found in the tenant."],
  50020: [
    "invalid_grant",
    "User account from identity provider does not exist in tenant and cannot access the application in that tenant.",
  ],
  50033: TRANSIENT,
  50034: ["invalid_grant", "The user account does not exist in the directory."],
  50057: ["invalid_grant", "The user account is disabled."],
  50074: [
    "interaction_required",
    "Strong authentication is required and the user did not pass the MFA challenge.",
  ],
  50076: [
    "interaction_required",
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.",
  ],
  50079: [
    "interaction_required",
    "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multi-factor authentication to access the resource.",
  ],
  50087: TRANSIENT,
  50173: [
    "invalid_grant",
    "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
  ],
  50194: [
    "invalid_request",
    "The application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported for such apps.",
  ],
  50196: [
    "invalid_grant",
    "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
  ],
  53003: [
    "invalid_grant",
    "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
  ],
  65001: ["invalid_grant", "The user or administrator has not consented to use the application."],
  65002: [
    "invalid_grant",
    "Consent between first party application and first party resource must be configured via preauthorization.",
  ],
  70001: ["unauthorized_client", "The application is disabled."],
  70008: ["invalid_grant", "The provided authorization code or refresh token has expired due to inactivity."],
  70043: ["invalid_grant", "The refresh token has expired or is invalid due to sign-in frequency checks."],
  90006: TRANSIENT,
  90013: ["invalid_request", "Invalid input received from the user."],
  90024: TRANSIENT,
  90033: TRANSIENT,
  90038: ["invalid_request", "The user belongs to a tenant in another national cloud."],
  90055: ["temporarily_unavailable", "There are too many incoming requests for this tenant."],
  90090: TRANSIENT,
  100007: [
    "invalid_request",
    "Only managed identities and Microsoft internal service identities may use this regional endpoint.",
  ],
  530035: ["invalid_grant", "Access has been blocked by security defaults."],
  650057: [
    "invalid_resource",
    "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration.",
  ],
  700082: ["invalid_grant", "The refresh token has expired due to inactivity."],
  700223: ["unauthorized_client", "The tenant's policy does not allow federated credentials of this issuer."],
  700238: ["unauthorized_client", "The tenant's policy blocks federated identity credentials."],
  900382: ["invalid_request", "Confidential client is not supported in cross cloud request."],
  7000112: ["unauthorized_client", "Application is disabled."],
};

/** The refusal with a number, whatever the request. */
export function entraErrorOf(aadsts: number, message?: string): EntraError {
  const [error, words] = WORDS[aadsts] ?? (["invalid_request", "The request was refused."] as const);
  return new EntraError(aadsts, error, message ?? words);
}
