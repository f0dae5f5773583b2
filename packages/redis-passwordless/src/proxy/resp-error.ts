import { PasswordlessError } from "../core/errors.js";

/** What a client gets to read when the proxy has to refuse it something. */
export type RespErrorLine = `-${string}\r\n`;

/**
 * An error as Redis writes one, with its code in the place of `ERR`: what was observed, and what to do about it. It is
 * one line, whatever the texts hold.
 */
export function respError(error: unknown): RespErrorLine {
  if (PasswordlessError.is(error)) return line(error.code, `${error.observed} ${error.remedy}`);
  return line("ERR", error instanceof Error ? error.message : String(error));
}

function line(code: string, text: string): RespErrorLine {
  return `-${code} ${text.replaceAll(/[\r\n]+/g, " ").trim()}\r\n`;
}
