import { PasswordlessError } from "./errors.js";

/** Names further apart than this are not taken for a slip. */
const LARGEST_SLIP = 3;

/**
 * Refuses option names that nobody reads: a misspelt option would otherwise be ignored.
 *
 * @param aliases names of other libraries and what they are called here
 * @param prefix what stands before each name in messages, such as `retry.`
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`, with the likely name
 */
export function rejectUnknownOptions(
  options: object,
  known: readonly string[],
  aliases: Readonly<Record<string, string>> = {},
  prefix = "",
): void {
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const suggestion = (Object.hasOwn(aliases, name) ? aliases[name] : undefined) ?? nearestName(name, known);
    throw new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
      message: `There is no option \`${prefix}${name}\`.`,
      remedy:
        suggestion === undefined
          ? `The options are ${known.map((option) => `\`${prefix}${option}\``).join(", ")}.`
          : `Did you mean \`${prefix}${suggestion}\`?`,
      details: { option: `${prefix}${name}`, ...(suggestion === undefined ? {} : { suggestion }) },
    });
  }
}

/** The known name that somebody has probably meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: { readonly option: string; readonly distance: number } | undefined;
  for (const option of known) {
    const distance = editDistance(name.toLowerCase(), option.toLowerCase());
    if (best === undefined || distance < best.distance) best = { option, distance };
  }
  const limit = Math.min(LARGEST_SLIP, Math.floor(name.length / 2));
  return best !== undefined && best.distance <= limit ? best.option : undefined;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
