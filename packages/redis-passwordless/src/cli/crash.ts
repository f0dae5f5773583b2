/**
 * A failure that nobody has foreseen, in one line: its name, what it says, and where it happened. Nothing is taken out
 * yet: `Output` does that, and must see the whole text, because of a secret that was cut it would not know the rest.
 */
export function crashLine(error: unknown): string {
  if (!(error instanceof Error)) return `crashed: ${firstLine(String(error))}`;
  const [, frame = ""] = /\n\s+at ([^\n]+)/.exec(error.stack ?? "") ?? [];
  const where = frame === "" ? "" : ` (at ${frame})`;
  return `crashed: ${firstLine(`${error.name}: ${error.message}`)}${where}. Please report it: https://github.com/redis-passwordless/redis-passwordless/issues`;
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
