import { PasswordlessError } from "../core/errors.js";
import { sanitiseCause } from "../core/sanitise.js";
import { libraryVersion } from "../diagnose/version.js";
import { type ExplainContext, type Explanation, explain } from "../explain/explain.js";

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
export function failureText(
  error: unknown,
  context: ExplainContext,
  style: { readonly isVerbose: boolean; readonly colours: boolean },
): string {
  const bold = (text: string) => (style.colours ? `\u001B[1m${text}\u001B[22m` : text);
  const explanation = explain(error, context);
  const lines =
    explanation === undefined
      ? [sanitiseCause(error)?.message ?? "It failed, and nothing says why."]
      : linesOf(explanation, bold, style.isVerbose);
  if (style.isVerbose) lines.push(...chainOf(sanitiseCause(error)));
  return lines.join("\n");
}

/** The same in one line, for a log. */
export function failureLine(error: unknown, context: ExplainContext): string {
  const explanation = explain(error, context);
  if (explanation === undefined) return sanitiseCause(error)?.message ?? "unknown failure";
  const { observed, remedy, rule } = explanation;
  return `${observed} ${remedy} [${rule}]`;
}

function linesOf(explanation: Explanation, bold: (text: string) => string, isVerbose: boolean): string[] {
  const { certainty, meaning, observed, remedy, commands, alternatives, evidence, docsUrl } = explanation;
  const sure = { certain: "", likely: "Likely: ", possible: "Possibly: " }[certainty];
  const lines = [
    bold(`${sure}${sentence(meaning)}`),
    `What to do: ${remedy}`,
    ...commands.map((command) => `  ${command}`),
  ];
  if (observed !== meaning) lines.push(`Seen: ${observed}`);
  if (alternatives.length > 0) {
    lines.push(
      "It may also be:",
      ...alternatives.map((other) => `  - ${sentence(other.meaning)} ${other.remedy}`),
    );
  }
  if (isVerbose) lines.push(...Object.entries(evidence).map(([name, value]) => `${name}: ${value}`));
  return [...lines, docsUrl];
}

/** A meaning is the part of a sentence behind a colon. */
function sentence(text: string): string {
  const end = /[.!?…]$/.test(text) ? "" : ".";
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
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
