import type { DoctorReport, IdentitiesReport, StepReport, WatchReport } from "./report.js";

export interface TextStyle {
  readonly colours: boolean;
  /** Width of the terminal. */
  readonly columns: number;
  /** With the facts of each step. @default false */
  readonly verbose?: boolean | undefined;
}

/** The report for a terminal; ends with a line break. */
export function reportText(
  _report: DoctorReport | IdentitiesReport | WatchReport,
  _style: TextStyle,
): string {
  return "";
}

/** One step as the report shows it, without a line break, for progress. */
export function stepLine(_step: StepReport, _style: TextStyle): string {
  return "";
}
