const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `90s`, `1.5h`, `500ms` in milliseconds; a bare number counts seconds. `undefined` when it is no duration. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit ?? "s"];
  return amount === undefined || unitMs === undefined ? undefined : Number(amount) * unitMs;
}
