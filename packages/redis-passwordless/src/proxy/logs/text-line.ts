import type { LogLevel } from "./notice.js";

/** A line of the log as JSON has it. */
export type LogRecord = Readonly<Record<string, string | number | boolean>>;

/** How levels are written, in one width. */
const LABELS: Readonly<Record<LogLevel, string>> = {
  debug: "DEBUG",
  info: "INFO ",
  warn: "WARN ",
  error: "ERROR",
};

const COLOURS: Readonly<Record<LogLevel, number>> = { debug: 2, info: 32, warn: 33, error: 31 };

/** What stands in the sentence already, or only serves machines. */
const LEFT_OUT = new Set([
  "time",
  "level",
  "event",
  "message",
  "observed",
  "remedy",
  "docsUrl",
  "code",
  "rule",
]);

/** A record of the log as one line for humans: when, how bad, what, and with what. */
export function textLine(record: LogRecord, hasColours: boolean): string {
  const level = record["level"] as LogLevel;
  const label = hasColours ? `\u001B[${COLOURS[level]}m${LABELS[level]}\u001B[0m` : LABELS[level];
  const { time, message, observed, remedy, docsUrl } = record;
  const sentences = [`${String(message)}${observed === undefined ? "" : `: ${String(observed)}`}`];
  if (remedy !== undefined) sentences.push(String(remedy));
  if (docsUrl !== undefined) sentences.push(`See ${String(docsUrl)}`);
  const facts = Object.entries(record)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => `${name}=${quoted(String(value))}`);
  return `${String(time)} ${label} ${oneLine([...sentences, ...facts].join(" "))}`;
}

/** As in logfmt: what holds a blank or a quotation mark is quoted. */
function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** Texts of servers may hold line ends and control characters, which would forge lines or steer the terminal. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, " ");
}
