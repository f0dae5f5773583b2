import type { SteadyClock } from "./clock.js";
import { PasswordlessError } from "./errors.js";
import type { IdentityProvider } from "./identity-provider.js";
import { Token, type TokenResponse } from "./token.js";

/** Clocks that differ by less are taken to agree, in milliseconds: HTTP dates are whole seconds old already. */
const SKEW_TOLERANCE_MS = 5_000;

// The same words as in the rules of these names, which this layer does not know.
const EXPIRED_REMEDY =
  "Compare this machine's clock with the real time; if it is right, look for what caches tokens past their end.";
const STALE_REMEDY =
  "Restart what caches the tokens, or look for it: the clock is not the cause, for the token has ended by its issuer's clock too.";

interface RequestContext {
  readonly request: AbortController;
  readonly timeoutMs: number;
  readonly clock: SteadyClock;
}

/**
 * Asks the provider once and examines its answer.
 *
 * Settles within `timeoutMs` even when the provider does not watch its signal.
 */
export async function requestToken(
  provider: IdentityProvider,
  { request, timeoutMs, clock }: RequestContext,
): Promise<{ readonly token: Token; readonly clockSkewMs: number | undefined }> {
  let fail: (error: unknown) => void = () => {};
  const deadline = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const timer = clock.schedule(() => request.abort(timeoutError(provider, timeoutMs)), timeoutMs);
  const onAbort = (): void => fail(request.signal.reason);
  request.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const response = await Promise.race([askProvider(provider, request.signal), deadline]);
    return examine(response, provider.description, clock);
  } finally {
    timer[Symbol.dispose]();
    request.signal.removeEventListener("abort", onAbort);
  }
}

/** A provider that throws instead of rejecting is treated alike; an error that is not ours gets a code and a remedy. */
async function askProvider(provider: IdentityProvider, signal: AbortSignal): Promise<TokenResponse> {
  try {
    return await provider.requestToken({ signal });
  } catch (error) {
    throw PasswordlessError.is(error) ? error : failedError(provider.description, error);
  }
}

function examine(
  response: TokenResponse,
  description: string,
  clock: SteadyClock,
): { readonly token: Token; readonly clockSkewMs: number | undefined } {
  assertShape(response, description);
  const nowMs = clock.now();
  const clockSkewMs = finite(response.serverTimeMs, (serverTimeMs) => serverTimeMs - (nowMs - clock.aheadMs));
  const isSkewed = clockSkewMs !== undefined && Math.abs(clockSkewMs) > SKEW_TOLERANCE_MS;
  // From the provider's clock, or the wall clock when they agree, to ours.
  const correctionMs = clock.aheadMs - (isSkewed ? clockSkewMs : 0);
  const expiresAtMs = response.expiresAtMs + correctionMs;
  if (expiresAtMs <= nowMs) {
    throw expiredError(description, { expiresAtMs, nowMs, byIssuersClock: clockSkewMs !== undefined });
  }
  const token = new Token(response.token, {
    username: response.username,
    receivedAtMs: nowMs,
    expiresAtMs,
    refreshAtMs: finite(response.refreshAtMs, (refreshAtMs) => refreshAtMs + correctionMs),
    details: response.details ?? {},
  });
  return { token, clockSkewMs };
}

/** A hint that is no number is no hint. */
function finite(value: number | undefined, convert: (value: number) => number): number | undefined {
  return value !== undefined && Number.isFinite(value) ? convert(value) : undefined;
}

function assertShape(response: TokenResponse, description: string): void {
  const problem = shapeProblem(response);
  if (problem === undefined) return;
  throw new PasswordlessError("ERR_PASSWORDLESS_TOKEN_INVALID", {
    message: `The answer of the identity provider (${description}) cannot be used: ${problem}.`,
    remedy:
      "Let it answer with `token` and `username` (strings that are not empty) and `expiresAtMs` (epoch milliseconds).",
    rule: "identity-provider-answer-incomplete",
    retryable: true,
    details: { tokenProblem: "incomplete" },
  });
}

function shapeProblem(response: TokenResponse | undefined): string | undefined {
  if (typeof response !== "object" || response === null) return "it is not an object";
  if (typeof response.token !== "string" || response.token === "")
    return "`token` is not a string with content";
  if (typeof response.username !== "string" || response.username === "") {
    return "`username` is not a string with content";
  }
  if (!Number.isFinite(response.expiresAtMs)) return "`expiresAtMs` is not a finite number";
  return undefined;
}

interface Expiry {
  readonly expiresAtMs: number;
  readonly nowMs: number;
  readonly byIssuersClock: boolean;
}

function expiredError(
  description: string,
  { expiresAtMs, nowMs, byIssuersClock }: Expiry,
): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_TOKEN_EXPIRED", {
    message: `The identity provider (${description}) answered with a token that ended ${Math.ceil((nowMs - expiresAtMs) / 1000)} s ago.`,
    rule: byIssuersClock ? "token-stale" : "token-expired-on-arrival",
    remedy: byIssuersClock ? STALE_REMEDY : EXPIRED_REMEDY,
    retryable: true,
    details: { tokenExpiresAtMs: expiresAtMs, ...(byIssuersClock ? { isExpiredAtIssuer: true } : {}) },
  });
}

function timeoutError({ description, whenSilent }: IdentityProvider, timeoutMs: number): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT", {
    message: `The identity provider (${description}) did not answer within ${Math.round(timeoutMs)} ms.`,
    rule: "token-request-timeout",
    remedy:
      "Check that the token endpoint is reachable from here (firewall, proxy, DNS), or raise `requestTimeoutMs`.",
    retryable: true,
    ...whenSilent,
  });
}

function failedError(description: string, cause: unknown): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_TOKEN_REQUEST_FAILED", {
    message: `The identity provider (${description}) failed: ${cause instanceof Error ? cause.message : String(cause)}.`,
    remedy:
      "See `cause`; the request is repeated. To end the wait of callers at once, reject with `retryable: false`.",
    retryable: true,
    cause,
  });
}
