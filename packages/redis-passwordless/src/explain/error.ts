import { PasswordlessError, type PasswordlessErrorInit } from "../core/errors.js";
import type { Facts } from "./facts.js";
import type { Verdict } from "./judge.js";

export interface VerdictErrorInit extends Omit<PasswordlessErrorInit, "rule" | "remedy" | "retryable"> {
  /** Goes into the details, so that whoever explains the error comes to the same verdict. */
  readonly facts?: Facts | undefined;
}

/** The error that a verdict amounts to: its code, remedy and whether it may pass are the rule's. */
export function errorOf(
  { rule, remedy }: Verdict,
  { facts, details, ...init }: VerdictErrorInit,
): PasswordlessError {
  const { id, code, isRetryable } = rule;
  const known = Object.entries(facts ?? {}).filter(([, value]) => value !== undefined);
  return new PasswordlessError(code, {
    ...init,
    remedy,
    rule: id,
    retryable: isRetryable ?? false,
    details: { ...(Object.fromEntries(known) as Record<string, string | number | boolean>), ...details },
  });
}
