import { PasswordlessError } from "../core/errors.js";
import { redact, sanitiseCause } from "../core/sanitise.js";
import { toolSpeaking } from "../explain/developer-tool.js";
import { errorOf } from "../explain/error.js";
import { judge } from "../explain/judge.js";
import { aadstsNumbers, chainOf, membersOf, messageOf, observe } from "../explain/observation.js";
import type { Rule } from "../explain/rule.js";
import { DEVELOPER_TOOL_RULES } from "../explain/rules/developer-tools.js";
import { ENTRA_ID_RULES } from "../explain/rules/entra-id.js";
import { MANAGED_IDENTITY_RULES } from "../explain/rules/managed-identity.js";
import { TOKEN_RULES } from "../explain/rules/token.js";
import { isKnown, refusalError } from "./refusal.js";

const RULES: readonly Rule[] = [
  ...TOKEN_RULES,
  ...MANAGED_IDENTITY_RULES,
  ...ENTRA_ID_RULES,
  ...DEVELOPER_TOOL_RULES,
];

/**
 * Turns the error of a `TokenCredential` into ours. @azure/identity says the same thing in several ways (an expired
 * secret is an `AuthenticationRequiredError` around an error of msal), so what counts is what any error of the chain
 * of causes, and of the list of a chained credential, says.
 *
 * @param tenantId the tenant that the token must come from, if it is known: for the command to log in with
 */
export function credentialError(error: unknown, identity: string, tenantId?: string): PasswordlessError {
  if (PasswordlessError.is(error)) return error;
  const { facts: seenFacts, ...seen } = observe(error);
  const target = seen.from ?? "authority";
  const numbers = seen.aadsts ?? [];
  const aadsts = numbers.find(isKnown) ?? numbers[0];
  const source = aadsts === undefined ? "" : messageWith(error, aadsts);
  const tool = toolSpeaking(`${identity}\n${source}`) ?? seenFacts.tool;
  const facts = { ...seenFacts, tool, expectedTenantId: tenantId };
  const verdict = judge(RULES, { ...seen, from: target }, facts);
  const cause = sanitiseCause(error);

  if (verdict !== undefined && ENTRA_ID_RULES.includes(verdict.rule)) {
    return refusalError({
      // Whoever else has answered with a bare status did not say so.
      from: aadsts === undefined ? "the credential" : "Microsoft Entra ID",
      target,
      identity,
      facts,
      status: seen.status,
      retryAfterMs: retryAfterMs(error),
      description: aadsts === undefined ? messageOf(error) : source.slice(source.indexOf(`AADSTS${aadsts}`)),
      cause,
    });
  }
  if (verdict !== undefined) {
    return errorOf(verdict, {
      message: `No token from the ${identity}: ${summary(error)}`,
      facts,
      details: { target, ...(seen.status === undefined ? {} : { status: seen.status }) },
      cause,
    });
  }
  return new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", {
    message: `The ${identity} failed: ${summary(error)}`,
    remedy: "See the cause; the request is repeated.",
    retryable: true,
    cause,
  });
}

/** The message that carries what Entra ID said. */
function messageWith(error: unknown, aadsts: number): string {
  // The message of an aggregate repeats those of its members, which come after it.
  const messages = chainOf(error).map(messageOf);
  return messages.findLast((message) => aadstsNumbers(message).includes(aadsts)) ?? "";
}

function retryAfterMs(error: unknown): number | undefined {
  const pauses = chainOf(error).map((link) =>
    typeof link === "object" && link !== null
      ? (link as { retryAfterInMs?: unknown }).retryAfterInMs
      : undefined,
  );
  return pauses.find((pause) => typeof pause === "number");
}

/** What the error says, shortly; for a chained credential what each member says. The whole text is in the cause. */
function summary(error: unknown): string {
  const text = error === undefined ? "" : membersOf(error).map(messageOf).map(firstSentence).join("; ");
  return `${text === "" ? "it did not say why" : redact(text)}.`;
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
