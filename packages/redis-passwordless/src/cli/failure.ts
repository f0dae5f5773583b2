import { PasswordlessError } from "../core/errors.js";
import { sanitiseCause } from "../core/sanitise.js";
import type { TextStyle } from "../diagnose/index.js";
import { diagnosis } from "../diagnose/text/finding-text.js";
import { libraryVersion } from "../diagnose/version.js";
import { type ExplainContext, explain } from "../explain/explain.js";

/** A failure as `--json` has it: what would be in the report is not known. */
export function failureJson(error: unknown, context: ExplainContext): string {
  const explanation = explain(error, context) ?? {
    observed: sanitiseCause(error)?.message ?? "unknown failure",
  };
  return JSON.stringify(
    { schema: 1, kind: "token", version: libraryVersion(), error: explanation },
    undefined,
    2,
  );
}

/** A failure for a terminal: the diagnosis first, then what to do, then all the rest. */
export function failureText(error: unknown, context: ExplainContext, style: TextStyle): string {
  const explanation = explain(error, context);
  const lines =
    explanation === undefined
      ? [sanitiseCause(error)?.message ?? "It failed, and nothing says why."]
      : diagnosis(explanation, style);
  if (style.verbose === true) lines.push(...chainOf(sanitiseCause(error)));
  return lines.join("\n");
}

/** The same in one line, for a log. */
export function failureLine(error: unknown, context: ExplainContext): string {
  const explanation = explain(error, context);
  if (explanation === undefined) return sanitiseCause(error)?.message ?? "unknown failure";
  const { observed, remedy, rule } = explanation;
  return `${observed} ${remedy} [${rule}]`;
}

/** The error and its causes, one a line. */
function chainOf(error: Error | undefined): string[] {
  if (error === undefined) return [];
  const { name, message, cause, code } = error as NodeJS.ErrnoException;
  const line = `${name}${code === undefined ? "" : ` (${code})`}: ${message}`;
  return [line, ...chainOf(cause as Error | undefined).map((inner) => `  caused by ${inner}`)];
}

/** Whether an error means that trying again is of no use to anybody before this process is started anew. */
export function isHopeless(error: unknown): boolean {
  return (
    PasswordlessError.is(error) &&
    (error.code === "ERR_PASSWORDLESS_PEER_MISSING" || error.code === "ERR_PASSWORDLESS_INVALID_OPTION")
  );
}
