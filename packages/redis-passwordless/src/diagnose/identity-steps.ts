import { identityOptionsOf } from "../azure/entra-id.js";
import type { AzureLogin } from "../azure/login.js";
import { SteadyClock } from "../core/clock.js";
import { PasswordlessError } from "../core/errors.js";
import type { IdentityProvider } from "../core/identity-provider.js";
import { requestToken } from "../core/request.js";
import type { Token } from "../core/token.js";
import { duration } from "../explain/duration.js";
import type { Target } from "../explain/rule.js";
import { checkClaims, decodeClaims, publicFacts, type TokenClaims } from "../identity/claims.js";
import { createIdentityProvider } from "../identity/create.js";
import type { Examination } from "./examination.js";
import { causeError } from "./findings.js";
import { type IdAsked, idAsked, kindThatWorks } from "./identity-experiment.js";
import type { Step } from "./steps.js";
import { pause, seconds, stopwatch } from "./time-limit.js";

export type EntraIdLogin = Extract<AzureLogin, { kind: "entraId" }>;

const TOKEN_LIMIT_MS = 10_000;
/** A failure that comes later than this is not tried again. */
const QUICK_FAILURE_MS = 3_000;
const LONGEST_PAUSE_MS = 1_000;
/** Entra ID dates a token five minutes back; one that is older than this was not made for this request. */
const FRESH_FOR_MS = 6 * 60_000;
/** Clocks that differ by more are worth a warning; Entra ID tolerates five minutes. */
const SKEW_LIMIT_MS = 60_000;
/** Whoever has not answered has had all the time there is, and a clock does not come right at once. */
const USELESS_TO_REPEAT = /TOKEN_REQUEST_TIMEOUT|TOKEN_EXPIRED/;
const CLAIM_ERRORS = /AUDIENCE_MISMATCH|TENANT_MISMATCH|OBJECT_ID_MISSING|TOKEN_INVALID/;

interface Received {
  readonly token: Token;
  readonly tookMs: number;
  readonly attempts: number;
}

/** Asks for a token as an application would, and reads what it says about itself. */
export async function obtainToken(examination: Examination, login: EntraIdLogin): Promise<Token | undefined> {
  const { steps, known } = examination;
  let claimError: PasswordlessError | undefined;
  const received = await steps.run(
    "token",
    TOKEN_LIMIT_MS,
    async (step) => {
      try {
        return await receive(examination, login, step);
      } catch (error) {
        // There was a token, and it is not one to log in with.
        if (!PasswordlessError.is(error) || !CLAIM_ERRORS.test(error.code)) throw error;
        claimError = error;
        step.summary = `the ${login.description} has one`;
        return undefined;
      }
    },
    { target: targetOf(login) },
  );
  if (claimError !== undefined) return steps.run("claims", 1_000, () => Promise.reject(claimError as Error));
  if (received === undefined) return steps.skip("claims", "there is no token");
  known.username = received.token.username;
  return steps.run("claims", 1_000, (step) => Promise.resolve(readClaims(examination, received, step)));
}

/** Whose errors these are, where they do not say so themselves. */
function targetOf({ identityKind }: EntraIdLogin): Target {
  return identityKind === "managedIdentity" || identityKind === "ambient" ? "managedIdentity" : "authority";
}

async function receive(examination: Examination, login: EntraIdLogin, step: Step): Promise<Received> {
  const { env } = examination;
  const identity = identityOptionsOf(login.options);
  const provider = createIdentityProvider(identity, env);
  const asked = idAsked(identity, env, login.identityKind);
  examination.known.selector = asked?.selector;
  try {
    const received = await request(examination, provider, step);
    describeToken(examination, received, step);
    return received;
  } catch (error) {
    throw await surer(examination, { error, asked, login, step });
  }
}

/** Waits for nothing that the caller has no time for: one more attempt, soon, when the first may have been bad luck. */
async function request(
  { clock, known }: Examination,
  provider: IdentityProvider,
  step: Step,
): Promise<Received> {
  const { signal } = step;
  // The request ends before the step does: it knows who has not answered.
  const limitMs = step.atMost(TOKEN_LIMIT_MS);
  const steady = new SteadyClock(clock);
  const allMs = stopwatch();
  for (let attempts = 1; ; attempts += 1) {
    const elapsedMs = stopwatch();
    const abort = new AbortController();
    const onAbort = (): void => abort.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const timeoutMs = Math.max(1, limitMs - allMs());
      const context = { request: abort, timeoutMs, clock: steady };
      const { token, clockSkewMs } = await requestToken(provider, context);
      // Rules count from the provider's clock to ours.
      known.clockSkewMs = clockSkewMs === undefined ? undefined : -clockSkewMs;
      return { token, tookMs: elapsedMs(), attempts };
    } catch (error) {
      if (attempts > 1 || elapsedMs() > QUICK_FAILURE_MS || !mayPass(error)) throw error;
      await pause(
        clock,
        Math.min((error as PasswordlessError).retryAfterMs ?? 250, LONGEST_PAUSE_MS),
        signal,
      );
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** A refused connection is as refused a quarter of a second later; a server's own hiccup is not. */
function mayPass(error: unknown): boolean {
  return (
    PasswordlessError.is(error) &&
    error.retryable &&
    error.details["networkError"] === undefined &&
    !USELESS_TO_REPEAT.test(error.code)
  );
}

interface Refusal {
  readonly error: unknown;
  readonly asked: IdAsked | undefined;
  readonly login: EntraIdLogin;
  readonly step: Step;
}

/** A managed identity that is refused may be known by another kind of ID: then that is the cause, for certain. */
async function surer(examination: Examination, { error, asked, login, step }: Refusal): Promise<unknown> {
  const isRefused = PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_IDENTITY_REJECTED";
  if (!isRefused || asked?.id === undefined || step.signal.aborted) return error;
  const worksAs = await kindThatWorks(examination, identityOptionsOf(login.options), asked, step.signal);
  if (worksAs !== undefined) {
    examination.known.worksAs = worksAs;
    step.facts["worksAs"] = worksAs;
  }
  return error;
}

function describeToken(
  { clock, known }: Examination,
  { token, tookMs, attempts }: Received,
  step: Step,
): void {
  const issuedAtMs = issuedAt(token);
  const providerNowMs = clock.now() - (known.clockSkewMs ?? 0);
  const ageMs = issuedAtMs === undefined ? undefined : providerNowMs - issuedAtMs;
  const isCached = ageMs === undefined ? undefined : ageMs > FRESH_FOR_MS;
  const leftMs = token.expiresAtMs - clock.now();
  Object.assign(step.facts, { tookMs, attempts, isCached, ageMs, expiresAtMs: token.expiresAtMs });
  const age = isCached === true && ageMs !== undefined ? `, out of a cache: ${duration(ageMs)} old` : "";
  const again = attempts > 1 ? ", at the second attempt" : "";
  step.summary = `${known.identity ?? "identity"}, in ${seconds(tookMs)}${again}${age}, ends in ${duration(leftMs)}`;
}

function issuedAt(token: Token): number | undefined {
  try {
    const { iat } = decodeClaims(token.reveal());
    return iat === undefined ? undefined : iat * 1_000;
  } catch {
    return undefined;
  }
}

/** What is in the token; never the token. */
function readClaims(examination: Examination, { token }: Received, step: Step): Token {
  const { clock, known } = examination;
  const claims = claimsOf(token);
  if (claims === undefined) {
    step.summary = `not a JSON Web Token; its provider says that it is of user ${token.username}`;
    return token;
  }
  const { iat, nbf, exp, ver, upn } = claims;
  const facts = publicFacts(claims);
  Object.assign(known, { ...facts, objectId: claims.oid, tokenExpiresAtMs: token.expiresAtMs });
  Object.assign(step.facts, {
    objectId: claims.oid,
    ...facts,
    signInName: upn,
    version: ver,
    issuedAtMs: iat === undefined ? undefined : iat * 1_000,
    notBeforeMs: nbf === undefined ? undefined : nbf * 1_000,
    expiresAtMs: exp === undefined ? undefined : exp * 1_000,
    lifetimeMs: exp === undefined || iat === undefined ? undefined : (exp - iat) * 1_000,
    clockSkewMs: known.clockSkewMs,
  });
  step.summary = [
    `oid ${claims.oid ?? "missing"}`,
    `tid ${claims.tid ?? "missing"}`,
    `aud ${claims.aud ?? "missing"}`,
    ...(claims.idtyp === undefined ? [] : [`idtyp ${claims.idtyp}`]),
  ].join(", ");
  checkClaims(claims, {
    scope: known.scope ?? "",
    expectedTenantId: undefined,
    nowMs: clock.now() - (known.clockSkewMs ?? 0),
  });
  checkClock(examination, iat, step);
  return token;
}

function claimsOf(token: Token): TokenClaims | undefined {
  try {
    return decodeClaims(token.reveal());
  } catch (error) {
    if (PasswordlessError.is(error)) return undefined;
    throw error;
  }
}

function checkClock({ clock, known, steps }: Examination, iat: number | undefined, step: Step): void {
  // Without the provider's time, a token from the future still shows that this clock is behind.
  if (known.clockSkewMs === undefined && iat !== undefined && clock.now() - iat * 1_000 < -SKEW_LIMIT_MS) {
    known.clockSkewMs = clock.now() - iat * 1_000;
  }
  const { clockSkewMs = 0 } = known;
  if (Math.abs(clockSkewMs) <= SKEW_LIMIT_MS) return;
  step.status = "warning";
  const side = clockSkewMs > 0 ? "ahead of" : "behind";
  const observed = `This machine's clock is ${duration(Math.abs(clockSkewMs))} ${side} the identity provider's.`;
  steps.fail("claims", causeError("clock-skew", observed, known), { severity: "warning" });
}
