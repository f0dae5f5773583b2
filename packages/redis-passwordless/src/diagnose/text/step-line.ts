import { STEP_NAMES, type StepReport, type StepStatus } from "../report.js";
import { fit, paint, type TextStyle, type Tone } from "./style.js";

const MARKS: Readonly<
  Record<StepStatus, { readonly symbol: string; readonly word: string; readonly tone: Tone }>
> = {
  ok: { symbol: "✓", word: "ok  ", tone: "good" },
  warning: { symbol: "!", word: "warn", tone: "doubtful" },
  failed: { symbol: "✗", word: "FAIL", tone: "bad" },
  skipped: { symbol: "-", word: "skip", tone: "quiet" },
};

const NAME_WIDTH = Math.max(...STEP_NAMES.map((name) => name.length));

/** `✓ tls                12 ms  TLSv1.3, …`, without a line break. */
export function stepLine(step: StepReport, style: TextStyle): string {
  const { symbol, word } = MARKS[step.status];
  const mark = style.colours ? symbol : word;
  const time = step.durationMs === undefined ? "" : timeOf(step.durationMs);
  const rest = ` ${step.name.padEnd(NAME_WIDTH)} ${time.padStart(7)}  ${step.summary}`;
  const [line, ...facts] = [fit(`${mark}${rest}`, style), ...(style.verbose === true ? factLines(step) : [])];
  const painted = `${markOf(step.status, style)}${line.slice(mark.length)}`;
  return [step.status === "skipped" ? paint(line, "quiet", style) : painted, ...facts].join("\n");
}

export function markOf(status: StepStatus, style: TextStyle): string {
  const { symbol, word, tone } = MARKS[status];
  return paint(style.colours ? symbol : word, tone, style);
}

function timeOf(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

function factLines({ facts }: StepReport): string[] {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `    ${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
}
