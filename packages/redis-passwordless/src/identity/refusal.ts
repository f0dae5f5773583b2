import { systemClock } from "../core/clock.js";
import type { PasswordlessError, PasswordlessErrorInit } from "../core/errors.js";
import { redact } from "../core/sanitise.js";
import { errorOf } from "../explain/error.js";
import type { Facts } from "../explain/facts.js";
import { judge, type Verdict, verdictOf } from "../explain/judge.js";
import { aadstsNumbers } from "../explain/observation.js";
import type { Rule, Target } from "../explain/rule.js";
import { ENTRA_ID_RULES } from "../explain/rules/entra-id.js";
import { MANAGED_IDENTITY_RULES } from "../explain/rules/managed-identity.js";
import { TOKEN_RULES } from "../explain/rules/token.js";
import type { ExchangeFailure } from "./http.js";

/** Who was asked, by whom, and what is known of both. */
export interface Asked {
  /** For the message: `Microsoft Entra ID at https://…`, `the managed identity endpoint …`. */
  readonly from: string;
  readonly target: Target;
  /** Who asked: the provider's description. */
  readonly identity: string;
  readonly facts?: Facts | undefined;
  /** Values that the other side may have echoed and that must not be shown. */
  readonly secrets?: readonly string[] | undefined;
}

/** A refusal, as far as it could be read. */
export interface Refusal extends Asked {
  readonly status?: number | undefined;
  readonly body?: string | undefined;
  /** Whether the body is not JSON, so hardly the endpoint's own. */
  readonly isForeign?: boolean | undefined;
  /** The OAuth error: `invalid_client`, `invalid_request`… */
  readonly error?: string | undefined;
  readonly description?: string | undefined;
  readonly errorCodes?: readonly number[] | undefined;
  readonly correlationId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The other side's clock, in epoch milliseconds. */
  readonly serverTimeMs?: number | undefined;
  readonly cause?: unknown;
}

/** In the order in which they apply: managed identity endpoints pass errors of Entra ID on. */
const REFUSALS: readonly Rule[] = [...MANAGED_IDENTITY_RULES, ...ENTRA_ID_RULES];
const UNREACHABLE: readonly Rule[] = [...TOKEN_RULES, ...MANAGED_IDENTITY_RULES];

/** Turns a refusal of Entra ID, or of an endpoint that passes its errors on, into our error. */
export function refusalError(refusal: Refusal): PasswordlessError {
  const { status, target, body, isForeign, error, description, errorCodes = [], retryAfterMs } = refusal;
  const numbers = [...aadstsNumbers(description ?? ""), ...errorCodes];
  const aadsts = numbers.find(isKnown) ?? numbers[0];
  const facts = { ...refusal.facts, status, aadsts, clockSkewMs: clockSkewMs(refusal.serverTimeMs) };
  const texts = [error, description].filter((text) => text !== undefined);
  const seen = { from: target, aadsts: numbers, status, body, isForeign, texts };
  const verdict = judge(REFUSALS, seen, facts) ?? unknownReason(facts);
  return errorOf(verdict, {
    message: `${sentence(`${refusal.from} gave no token to the ${refusal.identity}: ${verdict.meaning}`)} It answered ${observation(refusal, aadsts)}.`,
    facts,
    details: detailsOf(refusal),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(refusal.cause === undefined ? {} : { cause: refusal.cause }),
  });
}

/** No answer at all. A certificate that is not trusted does not pass by itself; everything else may. */
export function unreachableError(asked: Asked, failure: ExchangeFailure): PasswordlessError {
  const { from, target, identity, facts } = asked;
  // Whatever it was called, there was no answer.
  const verdict = judge(UNREACHABLE, { from: target, codes: [failure.code, "UNKNOWN"] }, facts);
  return errorOf(verdict ?? unknownReason(facts), {
    message: sentence(
      `${from} could not be reached for a token of the ${identity}: ${redact(failure.message)}`,
    ),
    cause: failure,
    facts,
    details: { target, networkError: failure.code },
  });
}

/** An answer that is none: not JSON, no token, an HTML page of something in between. */
export function malformedError(
  asked: Asked,
  what: string,
  { status, ...init }: Pick<PasswordlessErrorInit, "retryAfterMs"> & { readonly status: number },
): PasswordlessError {
  const { from, target, identity, facts } = asked;
  const verdict = judge(TOKEN_RULES, { from: target, status, isForeign: true }, facts);
  return errorOf(verdict ?? unknownReason(facts), {
    message: sentence(`${from} gave an unusable answer to the ${identity}: ${what}`),
    facts,
    details: { target, status, isForeign: true },
    ...init,
  });
}

/** Whether a number has a rule of its own. */
export function isKnown(aadsts: number): boolean {
  return ENTRA_ID_RULES.some(({ when }) =>
    when.some((signal) => "aadsts" in signal && signal.aadsts !== "any" && signal.aadsts.includes(aadsts)),
  );
}

/** The last rule is for what no other explains. */
function unknownReason(facts: Facts | undefined): Verdict {
  return verdictOf(ENTRA_ID_RULES.at(-1) as Rule, facts ?? {});
}

/** How far our clock is ahead; an HTTP date is a whole second. */
function clockSkewMs(serverTimeMs: number | undefined): number | undefined {
  return serverTimeMs === undefined ? undefined : systemClock.now() - serverTimeMs;
}

function observation({ status, error, description, secrets }: Refusal, aadsts: number | undefined): string {
  const parts: string[] = [];
  if (status !== undefined) parts.push(`HTTP ${status}`);
  if (error !== undefined && error !== "") parts.push(redact(error, secrets));
  // Entra ID appends trace, correlation and time to its text; they are in `details`.
  const text = (description ?? "").split(/\s*(?:Trace ID:|\r?\n)/)[0]?.trim() ?? "";
  if (text !== "") parts.push(`"${redact(text, secrets)}"`);
  else if (aadsts !== undefined) parts.push(`AADSTS${aadsts}`);
  return parts.length === 0 ? "without saying why" : parts.join(" ");
}

function detailsOf(refusal: Refusal): Record<string, string | number | boolean> {
  const details: Record<string, string | number | boolean> = { target: refusal.target };
  if (refusal.isForeign === true) details["isForeign"] = true;
  if (refusal.serverTimeMs !== undefined) details["serverTimeMs"] = refusal.serverTimeMs;
  if (refusal.error !== undefined) details["error"] = redact(refusal.error, refusal.secrets);
  if (refusal.correlationId !== undefined) details["correlationId"] = redact(refusal.correlationId);
  return details;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
