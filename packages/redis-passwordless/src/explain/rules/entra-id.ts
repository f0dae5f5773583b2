import type { Rule } from "../rule.js";

/**
 * Microsoft says that its numbers may change, so an unknown one is judged by its OAuth error.
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const ENTRA_ID_RULES: readonly Rule[] = [
  {
    id: "client-secret-id-instead-of-value",
    code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
    when: [{ aadsts: [7000215] }],
    given: [{ fact: "secretLooksLikeId", is: true }],
    meaning: "the client secret is a secret's ID, not its value",
    remedy:
      "Set `clientSecret` (`AZURE_CLIENT_SECRET`) to the Value of the secret, which the portal shows only once, when the secret is created.",
  },
  {
    id: "client-secret-wrong",
    code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
    when: [{ aadsts: [7000215] }],
    meaning: "the client secret is wrong",
    remedy: "Set `clientSecret` (`AZURE_CLIENT_SECRET`) to the secret's Value, not to its Secret ID.",
  },
];
