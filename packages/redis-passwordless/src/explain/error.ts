import { PasswordlessError, type PasswordlessErrorInit } from "../core/errors.js";
import type { Verdict } from "./judge.js";

/** The error that a verdict amounts to: its code, remedy and whether it may pass are the rule's. */
export function errorOf(
  { rule, remedy }: Verdict,
  init: Omit<PasswordlessErrorInit, "rule" | "remedy" | "retryable">,
): PasswordlessError {
  const { id, code, isRetryable } = rule;
  return new PasswordlessError(code, { ...init, remedy, rule: id, retryable: isRetryable ?? false });
}
