import { RespError } from "./errors.js";

/** Writes a command as an array of bulk strings. Strings are encoded as UTF-8. */
export function encodeCommand(args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg) : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF);
  }
  return Buffer.concat(parts);
}

/**
 * Returns the arguments of one complete command, its name first, as a {@link CommandScanner} delimits it.
 * The arguments of an array are views into `command`; those of an inline command are copies.
 *
 * @throws {RespError} `ERR_RESP_SYNTAX` when `command` is no complete command.
 */
export function parseCommand(command: Uint8Array): Buffer[] {
  const bytes = Buffer.from(command.buffer, command.byteOffset, command.length);
  return bytes[0] === STAR ? parseArray(bytes) : parseInline(bytes);
}

const CRLF = Buffer.from("\r\n");
const STAR = 42;

function parseArray(bytes: Buffer): Buffer[] {
  const args: Buffer[] = [];
  let at = 0;
  const header = (): number => {
    const end = bytes.indexOf(CRLF, at);
    const length = end < 0 ? Number.NaN : Number(bytes.toString("latin1", at + 1, end));
    if (!Number.isInteger(length)) throw incomplete(at);
    at = end + 2;
    return length;
  };
  for (let left = header(); left > 0; left--) {
    const length = header();
    if (at + length + 2 > bytes.length) throw incomplete(at);
    args.push(bytes.subarray(at, at + length));
    at += length + 2;
  }
  return args;
}

/**
 * Splits a line as Redis does (sds.c, sdssplitargs): blanks separate, quotes group, backslashes escape.
 *
 * @throws {RespError} `ERR_RESP_SYNTAX` when a quote is not closed, or something stands right behind a closed one
 */
export function parseInline(bytes: Uint8Array): Buffer[] {
  const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const args: Buffer[] = [];
  let at = 0;
  while (at < line.length) {
    if (BLANK.test(line[at]!)) {
      at++;
      continue;
    }
    let arg = "";
    while (at < line.length && !WORD_END.test(line[at]!)) {
      const quote = line[at]!;
      if (quote !== '"' && quote !== "'") {
        arg += quote;
        at++;
        continue;
      }
      for (at++; line[at] !== quote; at++) {
        if (at >= line.length) throw unbalanced(at);
        if (line[at] !== "\\") {
          arg += line[at];
        } else if (quote === "'") {
          arg += line[at + 1] === "'" ? line[++at] : "\\";
        } else {
          const hex = /^x([0-9a-f]{2})/i.exec(line.slice(at + 1, at + 4));
          if (hex) {
            arg += String.fromCharCode(Number.parseInt(hex[1]!, 16));
            at += 3;
          } else {
            at++;
            arg += ESCAPES[line[at] ?? ""] ?? line[at] ?? "";
          }
        }
      }
      at++;
      if (at < line.length && !BLANK.test(line[at]!)) throw unbalanced(at);
      break;
    }
    args.push(Buffer.from(arg, "latin1"));
  }
  return args;
}

/** `isspace` in the C locale. */
const BLANK = /[ \t\n\v\f\r]/;
const WORD_END = /[ \t\n\r]/;

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", a: "\u0007" };

function unbalanced(at: number): RespError {
  return new RespError("ERR_RESP_SYNTAX", "Unbalanced quotes", at);
}

function incomplete(at: number): RespError {
  return new RespError("ERR_RESP_SYNTAX", "An incomplete command", at);
}
