import { PasswordlessError } from "../core/errors.js";
import { redact, sanitiseCause } from "../core/sanitise.js";
import { AADSTS, aadstsNumber } from "./aadsts.js";
import { loginAdvice, withLoginCommand } from "./developer-tools.js";
import { type Refusal, refusalError } from "./refusal.js";

interface ForeignError {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly statusCode: number | undefined;
  readonly retryAfterMs: number | undefined;
}

const DEEPEST = 6;
const NETWORK_CODE = /^E(?:CONNREFUSED|CONNRESET|NOTFOUND|AI_AGAIN|TIMEDOUT|HOSTUNREACH|NETUNREACH|PIPE)$/;

/** What a user says who is asked to sign in: to a device code, and in the browser. */
const DECLINED = /\b(?:authorization_declined|access_denied)\b/;

/**
 * Turns the error of a `TokenCredential` into ours. @azure/identity says the same thing in several ways (an expired
 * secret is an `AuthenticationRequiredError` around an error of msal), so what counts is what any error of the chain
 * of causes, and of the list of a chained credential, says.
 *
 * @param tenantId the tenant that the token must come from, if it is known: for the command to log in with
 */
export function credentialError(error: unknown, identity: string, tenantId?: string): PasswordlessError {
  if (PasswordlessError.is(error)) return error;
  const chain = flatten(error);
  const cause = sanitiseCause(error);
  const from = "the credential";

  const numbers = chain.map(({ message }) => aadstsNumber(message)).filter((number) => number !== undefined);
  const aadsts = numbers.find((number) => AADSTS[number] !== undefined) ?? numbers[0];
  const status = chain.find(({ statusCode }) => statusCode !== undefined)?.statusCode;
  const retryAfterMs = chain.find((link) => link.retryAfterMs !== undefined)?.retryAfterMs;
  const refusal: Refusal = { from: "Microsoft Entra ID", identity, status, retryAfterMs, cause };

  if (aadsts !== undefined) {
    const message = chain.find((link) => aadstsNumber(link.message) === aadsts)?.message ?? "";
    return refusalError({
      ...refusal,
      description: message.slice(message.indexOf(`AADSTS${aadsts}`)),
      adaptRemedy: (remedy) => withLoginCommand(remedy, `${identity} ${message}`, tenantId),
    });
  }
  if (chain.some(({ code, message }) => DECLINED.test(`${code} ${message}`))) {
    return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_REJECTED", {
      message: `The ${identity} got no token: the sign-in was declined.`,
      remedy: "Sign in when asked, or pass another credential.",
      cause,
    });
  }
  const isUnavailable = chain.some(({ name }) => name === "CredentialUnavailableError");
  if (isUnavailable || chain.some(({ code }) => NETWORK_CODE.test(code))) {
    const advice = loginAdvice(speakers(error).map(messageOf), tenantId);
    return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", {
      message: `No token from the ${identity}: ${summary(error)}`,
      remedy:
        advice?.remedy ??
        "Log in (`az login`), or run where Azure provides an identity, or pass another one.",
      // A login that is missing does not come by itself; everything else may.
      retryable: advice?.needsPerson !== true,
      cause,
    });
  }
  if (chain.some(({ name }) => name === "AuthenticationRequiredError")) {
    return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_REJECTED", {
      message: `The ${identity} needs a new login: ${summary(error)}`,
      remedy: "Log in again, or check the credential's secret or certificate.",
      cause,
    });
  }
  if (status !== undefined && status >= 400) {
    return refusalError({ ...refusal, from, description: chain[0]?.message });
  }
  return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", {
    message: `The ${identity} failed: ${summary(error)}`,
    remedy: "See the cause; the request is repeated.",
    retryable: true,
    cause,
  });
}

function flatten(error: unknown, depth = 0): ForeignError[] {
  if (typeof error !== "object" || error === null || depth > DEEPEST) {
    return typeof error === "string" ? [link({ message: error })] : [];
  }
  const { cause, errors } = error as Record<string, unknown>;
  const inner = Array.isArray(errors) ? errors : [];
  return [
    link(error as Record<string, unknown>),
    ...[cause, ...inner].flatMap((next) => flatten(next, depth + 1)),
  ];
}

function link(error: Readonly<Record<string, unknown>>): ForeignError {
  const { name, message, code, statusCode, status, retryAfterInMs } = error;
  const anyStatus = statusCode ?? status;
  return {
    name: typeof name === "string" ? name : "",
    message: typeof message === "string" ? message : "",
    code: typeof code === "string" ? code : "",
    statusCode: typeof anyStatus === "number" ? anyStatus : undefined,
    retryAfterMs: typeof retryAfterInMs === "number" ? retryAfterInMs : undefined,
  };
}

/** What the error says, shortly; for a chained credential what each member says. The whole text is in the cause. */
function summary(error: unknown): string {
  const text = speakers(error)
    .map((speaker) => firstSentence(messageOf(speaker)))
    .join("; ");
  return `${text === "" ? "it did not say why" : redact(text)}.`;
}

/** The members of a chained credential, or the error itself. */
function speakers(error: unknown): readonly unknown[] {
  const { errors } = (typeof error === "object" && error !== null ? error : {}) as { errors?: unknown };
  return Array.isArray(errors) && errors.length > 0 ? errors : [error];
}

function messageOf(error: unknown): string {
  if (typeof error === "string") return error;
  const { message } = (typeof error === "object" && error !== null ? error : {}) as { message?: unknown };
  return typeof message === "string" ? message : "";
}

/** Up to the first full stop that ends a sentence, or the first line break. */
function firstSentence(text: string): string {
  return (
    text
      .trim()
      .split(/\.(?:\s|$)|\r?\n/)[0]
      ?.trim() ?? ""
  );
}
