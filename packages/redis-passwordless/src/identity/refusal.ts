import { type ErrorCode, PasswordlessError, type PasswordlessErrorInit } from "../core/errors.js";
import { redact } from "../core/sanitise.js";
import { AADSTS, aadstsNumber } from "./aadsts.js";
import type { ExchangeFailure } from "./http.js";

/** A refusal, as far as it could be read. */
export interface Refusal {
  /** Who refused, for the message: `Microsoft Entra ID at https://…`, `the managed identity endpoint …`. */
  readonly from: string;
  /** Who asked: the provider's description. */
  readonly identity: string;
  readonly status?: number | undefined;
  /** The OAuth error: `invalid_client`, `invalid_request`… */
  readonly error?: string | undefined;
  readonly description?: string | undefined;
  readonly errorCodes?: readonly number[] | undefined;
  readonly correlationId?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  /** The other side's clock, in epoch milliseconds. */
  readonly serverTimeMs?: number | undefined;
  readonly cause?: unknown;
  /** Values that the other side may have echoed and that must not be shown. */
  readonly secrets?: readonly string[] | undefined;
  /** Makes the remedy fit whoever asked, such as the command to log in with. @default as it is */
  readonly adaptRemedy?: ((remedy: string) => string) | undefined;
}

interface Judgement {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly remedy: string;
  readonly meaning?: string;
}

const WAIT =
  "Nothing to do: the request is repeated with growing pauses; see https://status.azure.com if it lasts.";

/** Turns a refusal of Entra ID, or of an endpoint that passes its errors on, into our error. */
export function refusalError(refusal: Refusal): PasswordlessError {
  const aadsts = numberOf(refusal);
  const { code, retryable, remedy, meaning } = judge(refusal, aadsts);
  const observed = observation(refusal, aadsts);
  return new PasswordlessError(code, {
    message: `${sentence(`${refusal.from} gave no token to the ${refusal.identity}${meaning === undefined ? "" : `: ${meaning}`}`)} It answered ${observed}.`,
    remedy: refusal.adaptRemedy?.(remedy) ?? remedy,
    retryable,
    details: detailsOf(refusal, aadsts),
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
    ...(refusal.cause === undefined ? {} : { cause: refusal.cause }),
  });
}

/** No answer at all: `ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE`. A certificate that is not trusted does not pass by itself. */
export function unreachableError(
  from: string,
  identity: string,
  failure: ExchangeFailure,
  remedy: string,
): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", {
    message: sentence(
      `${from} could not be reached for a token of the ${identity}: ${redact(failure.message)}`,
    ),
    remedy: failure.isCertificateProblem
      ? "Pass the certificate authority that signed its certificate as `ca`, or set NODE_EXTRA_CA_CERTS; a proxy that intercepts TLS may be in between."
      : remedy,
    retryable: !failure.isCertificateProblem,
    cause: failure,
    details: { networkError: failure.code },
  });
}

/** An answer that is none: not JSON, no token, an HTML page of something in between. */
export function malformedError(
  from: string,
  identity: string,
  what: string,
  init: Pick<PasswordlessErrorInit, "details" | "retryAfterMs"> = {},
): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", {
    message: `${from} gave an unusable answer to the ${identity}: ${what}.`,
    remedy:
      "Check that the address is the right one and that no proxy or captive portal answers in its place.",
    retryable: true,
    ...init,
  });
}

function numberOf(refusal: Refusal): number | undefined {
  const fromText = aadstsNumber(refusal.description ?? "");
  if (fromText !== undefined && AADSTS[fromText] !== undefined) return fromText;
  return (
    refusal.errorCodes?.find((number) => AADSTS[number] !== undefined) ?? fromText ?? refusal.errorCodes?.[0]
  );
}

function judge(refusal: Refusal, aadsts: number | undefined): Judgement {
  const { status = 0, error = "" } = refusal;
  const entry = aadsts === undefined ? undefined : AADSTS[aadsts];
  const known = entry === undefined ? {} : { meaning: entry.meaning };
  if (status === 429 || entry?.verdict === "throttled") {
    const remedy = entry?.verdict === "throttled" ? entry.remedy : `Too many token requests. ${WAIT}`;
    return { code: "ERR_PASSWORDLESS_THROTTLED", retryable: true, remedy, ...known };
  }
  if (entry?.verdict === "rejected") {
    const retryable = entry.mayPass === true;
    return { code: "ERR_PASSWORDLESS_IDENTITY_REJECTED", retryable, remedy: entry.remedy, ...known };
  }
  const isTransient =
    entry?.verdict === "transient" ||
    status >= 500 ||
    status === 408 ||
    error === "temporarily_unavailable" ||
    error === "server_error";
  if (isTransient) {
    return { code: "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", retryable: true, remedy: WAIT, ...known };
  }
  const remedy =
    aadsts === undefined
      ? "Check the identity's configuration: tenant, client ID, and its secret, certificate or federation."
      : `Look the number up: https://login.microsoftonline.com/error?code=${aadsts}.`;
  return { code: "ERR_PASSWORDLESS_IDENTITY_REJECTED", retryable: false, remedy };
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

function detailsOf(refusal: Refusal, aadsts: number | undefined): Record<string, string | number> {
  const details: Record<string, string | number> = {};
  if (refusal.status !== undefined) details["status"] = refusal.status;
  if (aadsts !== undefined) details["aadsts"] = aadsts;
  if (refusal.serverTimeMs !== undefined) details["serverTimeMs"] = refusal.serverTimeMs;
  if (refusal.error !== undefined) details["error"] = redact(refusal.error, refusal.secrets);
  if (refusal.correlationId !== undefined) details["correlationId"] = redact(refusal.correlationId);
  return details;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
