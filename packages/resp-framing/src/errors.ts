/** What is wrong with a stream. A code covers one situation. */
export type RespErrorCode =
  /** Bytes that RESP does not allow at this place. */
  | "ERR_RESP_SYNTAX"
  /** A bulk string longer than `maxBulkLength`. */
  | "ERR_RESP_BULK_TOO_LONG"
  /** An aggregate, or a command, of more than `maxElements` elements. */
  | "ERR_RESP_TOO_MANY_ELEMENTS"
  /** A line longer than `maxLineLength`. */
  | "ERR_RESP_LINE_TOO_LONG"
  /** Aggregates nested deeper than `maxNesting`. */
  | "ERR_RESP_NESTING_TOO_DEEP";

/**
 * A stream that cannot be framed any further: what follows the error has no known boundaries, so the scanner
 * that threw it accepts no more bytes.
 */
export class RespError extends Error {
  readonly code: RespErrorCode;
  /** Where in the stream it was noticed, in bytes from its beginning. */
  readonly position: number;

  constructor(code: RespErrorCode, message: string, position: number) {
    super(`${message} at byte ${position} of the stream`);
    this.name = "RespError";
    this.code = code;
    this.position = position;
  }
}

/** How a byte is named in a message. */
export function describeByte(byte: number): string {
  const hex = `0x${byte.toString(16).padStart(2, "0")}`;
  return byte > 32 && byte < 127 ? `"${String.fromCharCode(byte)}" (${hex})` : hex;
}
