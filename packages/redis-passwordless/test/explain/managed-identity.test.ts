import { CredentialUnavailableError } from "@azure/identity";
import { expect, test } from "vitest";
import { explain } from "../../src/explain/explain.js";
import { credentialError } from "../../src/identity/credential-errors.js";

/** As `ManagedIdentityCredential` of @azure/identity 4.13 passes the errors of msal and of its HTTP client on. */
const failed = (message: string, more: object = {}) =>
  new CredentialUnavailableError(`ManagedIdentityCredential: Authentication failed. Message ${message}`, {
    cause: Object.assign(new Error(message), more),
  });

// The answers to our own requests are in test/identity/managed-identity.test.ts.
test.each<[Error, string, string]>([
  [
    failed("invalid_request: Identity not found", { status: 400 }),
    "managed-identity-not-attached",
    "ERR_PASSWORDLESS_IDENTITY_REJECTED",
  ],
  [
    failed("Multiple user assigned identities exist, please specify", { status: 400 }),
    "managed-identity-not-named",
    "ERR_PASSWORDLESS_IDENTITY_REJECTED",
  ],
  [failed("slow down", { status: 429 }), "managed-identity-throttled", "ERR_PASSWORDLESS_THROTTLED"],
  [
    failed("gone", { statusCode: 503 }),
    "managed-identity-failing",
    "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR",
  ],
  [
    new CredentialUnavailableError("ManagedIdentityCredential: Network unreachable. Message: connect", {
      cause: Object.assign(new Error("connect"), { code: "ENETUNREACH" }),
    }),
    "not-on-azure",
    "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
  ],
  [
    new CredentialUnavailableError("Attempted to use the IMDS endpoint, but it is not available."),
    "not-on-azure",
    "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
  ],
  [
    failed("invalid_resource: AADSTS500011: The resource principal was not found", { status: 400 }),
    "resource-unknown",
    "ERR_PASSWORDLESS_IDENTITY_REJECTED",
  ],
])("%s is %s, raised and as it is", (raw, rule, code) => {
  expect(explain(raw)).toMatchObject({ rule, code });
  const raised = credentialError(raw, "managed identity (through @azure/identity)");
  expect(raised).toMatchObject({ rule, code });
  expect(explain(raised)).toMatchObject({ rule, code, remedy: raised.remedy });
});

test("that nobody answers may have another reason than the machine", () => {
  const explanation = explain(Object.assign(new Error("x"), { code: "EHOSTUNREACH" }), {
    target: "managedIdentity",
  });
  expect(explanation).toMatchObject({ rule: "not-on-azure", certainty: "likely" });
  expect(explanation?.alternatives.map(({ rule }) => rule)).toEqual(["metadata-service-blocked"]);
});
