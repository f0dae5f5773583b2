import { describeMachine, packageVersions } from "./machine.mjs";

/**
 * A goal: `value` must be at most, or at least, `limit`.
 *
 * @typedef {{ what: string, value: number, atMost?: number, atLeast?: number, digits?: number }} Goal
 * @typedef {{ title?: string, columns: readonly string[], rows: readonly (readonly string[])[] }} Table
 * @typedef {{
 *   title: string,
 *   method: string,
 *   load: string,
 *   packages: readonly string[],
 *   tables: readonly Table[],
 *   goals: readonly Goal[],
 *   notes?: readonly string[],
 * }} Report `load` is the machine's load average when the benchmark began.
 */

/** @param {Goal} goal */
export function isMet({ value, atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY }) {
  return value <= atMost && value >= atLeast;
}

/**
 * @param {string} name
 * @param {Report} report
 */
export function toMarkdown(name, report) {
  const sections = [
    `# ${report.title}`,
    report.method,
    ...report.tables.map(({ title, columns, rows }) =>
      [...(title === undefined ? [] : [`## ${title}`, ""]), table(columns, rows)].join("\n"),
    ),
    `## Goals\n\n${table(["goal", "measured", ""], report.goals.map(goalRow))}`,
    ...(report.notes ?? []),
    `Measured ${new Date().toISOString().slice(0, 10)} with \`npm run bench -- ${name}\` on ${describeMachine()}; load average ${report.load} when it began. ` +
      "The machine is shared and noisy: compare figures of one run only, and ratios rather than figures.",
    packageVersions(report.packages),
  ];
  return `${sections.join("\n\n")}\n`;
}

/** @param {Goal} goal */
function goalRow(goal) {
  const { what, value, atMost, atLeast, digits = 2 } = goal;
  const limit = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`;
  return [`${what} ${limit}`, value.toFixed(digits), isMet(goal) ? "ok" : "over"];
}

/**
 * @param {readonly string[]} columns
 * @param {readonly (readonly string[])[]} rows
 */
function table(columns, rows) {
  const line = (/** @type {readonly string[]} */ cells) => `| ${cells.join(" | ")} |`;
  const ruler = columns.map((_, index) => (index === 0 ? "---" : "---:"));
  return [columns, ruler, ...rows].map(line).join("\n");
}
