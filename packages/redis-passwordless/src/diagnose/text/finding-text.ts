import type { Explanation } from "../../explain/explain.js";
import type { Finding } from "../report.js";
import { paint, type TextStyle, wrap } from "./style.js";

/** The diagnosis in full: what it is and what to do first. */
export function diagnosis(finding: Explanation, style: TextStyle): string[] {
  const { certainty, meaning, remedy, observed, evidence, commands, alternatives, docsUrl } = finding;
  const facts = Object.entries(evidence).map(([name, value]) => `${name} ${String(value)}`);
  const others = alternatives.flatMap((other) =>
    wrap(`  - ${capital(other.meaning)}: ${other.remedy}`, style, "    "),
  );
  return [
    ...titled(`Diagnosis (${certainty})`, sentence(meaning), style),
    ...titled("Remedy", remedy, style),
    ...titled("Observed", observed, style),
    ...(facts.length > 0 ? titled("Evidence", facts.join(", "), style) : []),
    ...(commands.length > 0 ? [heading("Commands", style), ...commands.map((line) => `  ${line}`)] : []),
    ...(others.length > 0 ? [heading("It may also be", style), ...others] : []),
    ...titled("More", docsUrl, style),
  ];
}

/** What else was found, in short. */
export function alsoFound(finding: Finding, style: TextStyle): string[] {
  const { severity, meaning, remedy, docsUrl } = finding;
  const title = severity === "warning" ? "Warning" : "Also";
  return [...titled(title, `${sentence(meaning)} ${remedy}`, style), `  ${docsUrl}`];
}

function titled(title: string, text: string, style: TextStyle): string[] {
  const [first = "", ...rest] = wrap(`${title}: ${text}`, style, "  ");
  return [
    `${paint(first.slice(0, title.length + 1), "strong", style)}${first.slice(title.length + 1)}`,
    ...rest,
  ];
}

function heading(title: string, style: TextStyle): string {
  return paint(`${title}:`, "strong", style);
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function sentence(text: string): string {
  const whole = capital(text);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
