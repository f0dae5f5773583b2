import { redact } from "../core/sanitise.js";

/** A failure that nobody has foreseen, in one line: its name, what it says, and where it happened. */
export function crashLine(error: unknown): string {
  if (!(error instanceof Error)) return `crashed: ${redact(String(error))}`;
  const [, frame = ""] = /\n\s+at ([^\n]+)/.exec(error.stack ?? "") ?? [];
  const [line = ""] = redact(`${error.name}: ${error.message}`).split("\n");
  return `crashed: ${line}${frame === "" ? "" : ` (at ${redact(frame)})`}. Please report it: https://github.com/redis-passwordless/redis-passwordless/issues`;
}
