import { display } from "../../azure/endpoint.js";
import { duration } from "../../explain/duration.js";
import type { DoctorReport, Finding, IdentitiesReport, IdentityRow, WatchReport } from "../report.js";
import { alsoFound, capital, diagnosis } from "./finding-text.js";
import { markOf, stepLine } from "./step-line.js";
import { fit, paint, type TextStyle, wrap } from "./style.js";

/** Below what a mark or a time begins. */
const INDENT = "     ";

/**
 * The report for a terminal or a log; ends with a line break. A healthy one fits on a screen of 24 lines and 80
 * columns; otherwise the diagnosis stands at the end, where the eye is.
 */
export function reportText(report: DoctorReport | IdentitiesReport | WatchReport, style: TextStyle): string {
  const lines =
    report.kind === "doctor"
      ? doctorLines(report, style)
      : report.kind === "identities"
        ? identityLines(report, style)
        : watchLines(report, style);
  return `${lines.join("\n")}\n`;
}

function doctorLines(report: DoctorReport, style: TextStyle): string[] {
  const { steps, findings, isHealthy, durationMs } = report;
  const warned = steps.filter(({ status }) => status === "warning").map(({ name }) => name);
  const besides = isHealthy && warned.length > 0 ? `, with a warning: ${warned.join(", ")}` : "";
  return [
    ...steps.map((step) => stepLine(step, style)),
    "",
    ...findingLines(findings, isHealthy, style),
    ...(isHealthy ? [verdict(true, `Healthy${besides} (${Math.round(durationMs)} ms).`, style)] : []),
  ];
}

/** The diagnosis in full, the others in short. */
function findingLines(findings: readonly Finding[], isHealthy: boolean, style: TextStyle): string[] {
  const [first, ...others] = findings;
  if (first === undefined) return [];
  if (isHealthy) return findings.flatMap((finding) => alsoFound(finding, style));
  return [...diagnosis(first, style), ...others.flatMap((finding) => ["", ...alsoFound(finding, style)])];
}

function identityLines(report: IdentitiesReport, style: TextStyle): string[] {
  const { identities, findings, endpoint, isHealthy } = report;
  const where = endpoint === undefined ? "the cache" : `${display(endpoint.host)}:${endpoint.port}`;
  const accepted = identities.filter(({ login }) => login === "accepted").map(({ name }) => name);
  return [
    ...identities.flatMap((row) => rowLines(row, style)),
    "",
    ...findingLines(findings, isHealthy, style),
    isHealthy
      ? verdict(true, `${where} lets in: ${accepted.join("; ")}.`, style)
      : verdict(false, `${where} lets none of ${identities.length} identities in.`, style),
  ];
}

function rowLines(row: IdentityRow, style: TextStyle): string[] {
  const { name, token, login, objectId, findings, identity } = row;
  const status =
    login === "accepted" ? "ok" : login === "failed" || token === "failed" ? "failed" : "skipped";
  const who = identity === undefined || identity.description === name ? "" : ` (${identity.description})`;
  const [first] = findings;
  return [
    `${markOf(status, style)} ${fit(`${name}${who}`, { ...style, columns: style.columns - 5 })}`,
    `     token ${token}${objectId === undefined ? "" : `, object ID ${objectId}`}, login ${login}`,
    ...(first === undefined
      ? []
      : wrap(`     ${capital(first.meaning)} (${first.certainty}). ${first.remedy}`, style, INDENT)),
  ];
}

function watchLines(report: WatchReport, style: TextStyle): string[] {
  const { outcome, rotations, reauthentications, commands, tightestMs, connectionId, findings } = report;
  const { answered, failed, longestMs } = commands;
  const margin = tightestMs === undefined ? "" : `, ${duration(tightestMs)} before the old token's end`;
  const id = connectionId === undefined ? "" : ` (CLIENT ID ${connectionId})`;
  const ended = {
    survived: "Survived: the connection is alive past the end of its first token.",
    stopped: "Stopped before the first token had ended.",
    failed: "Failed: the connection was not kept alive.",
  }[outcome];
  return [
    ...report.events.flatMap(({ atMs, summary }) =>
      wrap(`${new Date(atMs).toISOString()} ${summary}`, style, INDENT),
    ),
    "",
    ...findingLines(findings, report.isHealthy, style),
    `New tokens: ${rotations}; logins on the open connection${id}: ${reauthentications}${margin}`,
    `Commands: ${answered} answered, ${failed} failed, the longest took ${Math.round(longestMs)} ms`,
    verdict(report.isHealthy, ended, style),
  ];
}

function verdict(isGood: boolean, text: string, style: TextStyle): string {
  return paint(text, isGood ? "good" : "bad", style);
}
