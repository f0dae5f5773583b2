import { describe, expect, test } from "vitest";
import { SteadyClock, systemClock } from "../../src/core/clock.js";
import { PasswordlessError } from "../../src/core/errors.js";
import type { IdentityProvider } from "../../src/core/identity-provider.js";
import { requestToken } from "../../src/core/request.js";
import type { TokenResponse } from "../../src/core/token.js";
import { explain } from "../../src/explain/explain.js";
import { verdictOf } from "../../src/explain/judge.js";
import { RULES } from "../../src/explain/table.js";
import { checkClaims, decodeClaims } from "../../src/identity/claims.js";
import { createIdentityProvider } from "../../src/identity/index.js";
import { CLIENT, caught, jwt, TENANT } from "../identity/support.js";

const SCOPE = "https://redis.azure.com/.default";
const past = () => Date.now() - 120_000;

/** The error in which one request of the token manager ends. */
function requested(provider: Partial<IdentityProvider>, timeoutMs = 5_000): Promise<PasswordlessError> {
  const whole = { description: "provider", requestToken: () => new Promise<never>(() => {}), ...provider };
  const context = { request: new AbortController(), timeoutMs, clock: new SteadyClock(systemClock) };
  return caught(() => requestToken(whole, context));
}

const answering = (answer: Partial<TokenResponse>) =>
  requested({ requestToken: () => Promise.resolve(answer as TokenResponse) });

const check = (claims: Record<string, unknown>, expected: Record<string, unknown> = {}) =>
  caught(() => checkClaims(decodeClaims(jwt(claims)), { scope: SCOPE, nowMs: Date.now(), ...expected }));

const ended = () => Math.floor(past() / 1000);
const secret = { tenantId: TENANT, clientId: CLIENT, clientSecret: "hush-hush" };

test.each<[string, () => Promise<PasswordlessError>]>([
  ["audience-mismatch", () => check({ aud: "https://management.azure.com" })],
  ["tenant-mismatch", () => check({}, { expectedTenantId: "99999999-2222-4222-8222-222222222222" })],
  ["object-id-missing", () => check({ oid: undefined })],
  ["token-not-a-jwt", () => caught(() => decodeClaims("opaque"))],
  ["token-expired-on-arrival", () => check({ exp: ended() })],
  ["token-stale", () => check({ exp: ended() }, { isIssuersClock: true })],
  ["token-expired-on-arrival", () => answering({ token: "t", username: "u", expiresAtMs: past() })],
  [
    "token-stale",
    () => answering({ token: "t", username: "u", expiresAtMs: past(), serverTimeMs: Date.now() }),
  ],
  ["identity-provider-answer-incomplete", () => answering({ token: "t", expiresAtMs: Date.now() + 60_000 })],
  ["token-request-timeout", () => requested({}, 1)],
  ["token-request-timeout-authority", () => requested(silent(secret), 1)],
  ["token-request-timeout-managed-identity", () => requested(silent({ managedIdentity: true }), 1)],
  [
    "token-request-timeout-developer-tool",
    () => requested(silent({ credential: new AzureCliCredential() }), 1),
  ],
])("%s is raised with its rule, and explained by it", async (rule, raise) => {
  const error = await raise();
  expect(error.rule).toBe(rule);
  const explanation = explain(error);
  expect(explanation).toMatchObject({ rule, code: error.code, retryable: error.retryable });
  // What core says by itself is what the rule says, for core does not know the rules.
  const found = RULES.find(({ id }) => id === rule);
  if (found === undefined) throw new Error(`there is no rule ${rule}`);
  expect(error.remedy).toBe(verdictOf(found, error.details).remedy);
});

/** An identity that never answers. */
function silent(options: Parameters<typeof createIdentityProvider>[0]): Partial<IdentityProvider> {
  const { description, whenSilent } = createIdentityProvider(options);
  return { description, whenSilent };
}

class AzureCliCredential {
  getToken(): Promise<never> {
    return new Promise(() => {});
  }
}

describe("a token that has ended when it arrives", () => {
  test("is due to a clock that is known to be ahead", async () => {
    const explanation = explain(await check({ exp: ended() }), { clockSkewMs: 180_000 });
    expect(explanation).toMatchObject({ rule: "clock-ahead", certainty: "certain" });
    expect(explanation?.remedy).toContain("3 min ahead");
  });

  test("is not, when it has ended by its issuer's clock too", async () => {
    const error = await check({ exp: ended() }, { isIssuersClock: true });
    expect(explain(error, { clockSkewMs: 180_000 })?.rule).toBe("token-stale");
  });
});

test("a mismatch names both values", async () => {
  const wanted = "99999999-2222-4222-8222-222222222222";
  const explanation = explain(await check({}, { expectedTenantId: wanted }));
  expect(explanation?.commands).toEqual([`az login --tenant ${wanted}`]);
  expect(explanation?.meaning).toContain(TENANT);
});

test("a provider that has no token, and a credential that has none, are two things", async () => {
  const signal = AbortSignal.timeout(5_000);
  const none = () => Promise.resolve(null as never);
  const custom = createIdentityProvider({ identityProvider: none });
  expect(await caught(() => custom.requestToken({ signal }))).toMatchObject({
    rule: "identity-provider-answer-empty",
    code: "ERR_PASSWORDLESS_TOKEN_INVALID",
  });
  const credential = createIdentityProvider({ credential: { getToken: none } });
  const error = await caught(() => credential.requestToken({ signal }));
  expect(error).toMatchObject({ rule: "credential-returned-nothing", retryable: true });
  expect(explain(error)?.rule).toBe("credential-returned-nothing");
});

test("a missing package is one thing when it was asked for, and another when nothing else is there", () => {
  const missing = new PasswordlessError("ERR_PASSWORDLESS_PEER_MISSING", {
    message: "No package.",
    remedy: "Install it.",
    details: { peer: "@azure/identity" },
  });
  expect(explain(missing)?.rule).toBe("azure-identity-missing");
  const nobody = new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", {
    message: "Nobody.",
    remedy: "Log in.",
    rule: "no-identity-without-azure-identity",
    details: { peer: "@azure/identity" },
    cause: missing,
  });
  expect(explain(nobody)?.rule).toBe("no-identity-without-azure-identity");
});
