import type { ErrorCode, PasswordlessError } from "../core/errors.js";
import { errorOf, type VerdictErrorInit } from "../explain/error.js";
import { judge } from "../explain/judge.js";
import { TOKEN_RULES } from "../explain/rules/token.js";

/** The error of this code whose cause the facts tell. */
export function tokenError(code: ErrorCode, init: VerdictErrorInit): PasswordlessError {
  const verdict = judge(TOKEN_RULES, { library: [code] }, init.facts);
  if (verdict === undefined) throw new TypeError(`no rule explains ${code}`);
  return errorOf(verdict, init);
}
