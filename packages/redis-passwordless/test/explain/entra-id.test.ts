import { AuthenticationError, AuthenticationRequiredError } from "@azure/identity";
import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/core/errors.js";
import { explain } from "../../src/explain/explain.js";
import { ENTRA_ID_RULES } from "../../src/explain/rules/entra-id.js";
import { credentialError } from "../../src/identity/credential-errors.js";
import { refusalError } from "../../src/identity/refusal.js";

const REJECTED: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_REJECTED";
const PROVIDER_ERROR: ErrorCode = "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR";
const THROTTLED: ErrorCode = "ERR_PASSWORDLESS_THROTTLED";

const UNKNOWN = 1234567;

/** Every number that Microsoft documents and that has a meaning here. */
const NUMBERS: readonly (readonly [number, string, ErrorCode, boolean])[] = [
  [50001, "resource-unknown", REJECTED, false],
  [50020, "user-not-in-tenant", REJECTED, false],
  [50033, "entra-id-transient", PROVIDER_ERROR, true],
  [50034, "user-not-in-tenant", REJECTED, false],
  [50057, "user-disabled", REJECTED, false],
  [50074, "multi-factor-required", REJECTED, false],
  [50076, "multi-factor-required", REJECTED, false],
  [50079, "multi-factor-required", REJECTED, false],
  [50087, "entra-id-transient", PROVIDER_ERROR, true],
  [50173, "login-ended", REJECTED, false],
  [50194, "tenant-required", REJECTED, false],
  [50196, "request-loop", THROTTLED, true],
  [53003, "conditional-access-blocked", REJECTED, false],
  [530035, "security-defaults-blocked", REJECTED, false],
  [65001, "consent-missing", REJECTED, false],
  [65002, "application-not-preauthorised", REJECTED, false],
  [70001, "application-disabled", REJECTED, false],
  [70008, "login-ended", REJECTED, false],
  [70011, "scope-invalid", REJECTED, false],
  [70021, "federated-issuer-mismatch", REJECTED, false],
  [70025, "federated-credential-missing", REJECTED, false],
  [70043, "login-ended", REJECTED, false],
  [90002, "tenant-not-found", REJECTED, false],
  [90006, "entra-id-transient", PROVIDER_ERROR, true],
  [90013, "request-input-invalid", REJECTED, false],
  [90024, "entra-id-transient", PROVIDER_ERROR, true],
  [90033, "entra-id-transient", PROVIDER_ERROR, true],
  [90038, "tenant-in-other-cloud", REJECTED, false],
  [90055, "tenant-throttled", THROTTLED, true],
  [90090, "entra-id-transient", PROVIDER_ERROR, true],
  [100007, "regional-endpoint-refused", REJECTED, false],
  [500011, "resource-unknown", REJECTED, false],
  [650057, "resource-unknown", REJECTED, false],
  [700016, "application-not-in-tenant", REJECTED, false],
  [700024, "assertion-outside-validity", REJECTED, true],
  [700027, "certificate-unknown", REJECTED, false],
  [700082, "login-ended", REJECTED, false],
  [700211, "federated-issuer-mismatch", REJECTED, false],
  [700212, "federated-audience-mismatch", REJECTED, false],
  [700213, "federated-subject-mismatch", REJECTED, false],
  [700223, "federation-blocked", REJECTED, false],
  [700238, "federation-blocked", REJECTED, false],
  [900382, "tenant-in-other-cloud", REJECTED, false],
  [7000112, "application-disabled", REJECTED, false],
  [7000215, "client-secret-wrong", REJECTED, false],
  [7000218, "credential-missing", REJECTED, false],
  [7000222, "client-secret-expired", REJECTED, false],
  [9001023, "tenant-required", REJECTED, false],
  [UNKNOWN, "aadsts-unknown", REJECTED, false],
];

const asked = { from: "Microsoft Entra ID", target: "authority", identity: "service principal" } as const;

describe.each(NUMBERS)("AADSTS%i is %s", (aadsts, rule, code, retryable) => {
  const said = `invalid_client: Error(s): ${aadsts} - AADSTS${aadsts}: Something. Trace ID: 0`;
  const expected = { rule, code, retryable };

  test("in our own exchange", () => {
    const error = refusalError({ ...asked, status: 400, description: said });
    expect(error).toMatchObject({ ...expected, details: { aadsts } });
    expect(explain(error)).toMatchObject({ ...expected, remedy: error.remedy, docsUrl: error.docsUrl });
  });

  test("in an error of @azure/identity, however deep, raised and as it is", () => {
    const cause = new AuthenticationError(400, `EnvironmentCredential authentication failed. ${said}`);
    const raw = new AuthenticationRequiredError({
      scopes: [],
      message: "Silent authentication failed",
      cause,
    });
    expect(explain(raw)).toMatchObject(expected);
    const raised = credentialError(raw, "given credential");
    expect(raised).toMatchObject({ ...expected, details: { aadsts } });
    expect(explain(raised)).toMatchObject({ ...expected, remedy: raised.remedy });
  });
});

test("the list is complete", () => {
  const known = ENTRA_ID_RULES.flatMap(({ when }) =>
    when.flatMap((signal) => ("aadsts" in signal && signal.aadsts !== "any" ? signal.aadsts : [])),
  );
  expect(new Set(known)).toEqual(new Set(NUMBERS.map(([number]) => number).filter((n) => n !== UNKNOWN)));
});

test("the remedies name the values that differ", () => {
  const facts = { clientId: "c11e", tenantId: "7e9a", expectedTenantId: "7e9a" };
  const remedyOf = (aadsts: number) => explain(new Error(`AADSTS${aadsts}: x`), facts);
  expect(remedyOf(700016)?.meaning).toBe("the tenant 7e9a has no application with the client ID c11e");
  expect(remedyOf(700016)?.commands).toEqual(["az ad sp show --id c11e"]);
  expect(remedyOf(50076)?.remedy).toContain("(`az login --tenant 7e9a`)");
  expect(explain(new Error("AADSTS700016: x"))?.meaning).toBe(
    "the tenant has no application with the client ID",
  );
});

test("throttling without a number, and what a server says of itself, may pass", () => {
  const answer = (status: number, error?: string) => refusalError({ ...asked, status, error });
  expect(answer(429)).toMatchObject({ rule: "authority-throttled", code: THROTTLED, retryable: true });
  // Whatever the reason is, it is not looked at before the pause is over.
  expect(refusalError({ ...asked, status: 429, description: "AADSTS700016: x" }).code).toBe(THROTTLED);
  expect(answer(503)).toMatchObject({ rule: "authority-failing", code: PROVIDER_ERROR, retryable: true });
  expect(answer(400, "server_error")).toMatchObject({ rule: "authority-failing", retryable: true });
  expect(answer(400, "invalid_client")).toMatchObject({ rule: "identity-refused", retryable: false });
});
