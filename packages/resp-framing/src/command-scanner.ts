import { parseInline } from "./command.js";
import { describeByte, RespError, type RespErrorCode } from "./errors.js";
import { LONGEST_NAME, type WatchList, watchListOf } from "./watch-list.js";

export interface CommandScannerOptions {
  /**
   * Commands to stop at, in any case: `["AUTH", "HELLO"]`.
   * @default none
   */
  readonly watch?: readonly string[];
  /**
   * Longest argument in bytes.
   * @default 536_870_912 — Redis's `proto-max-bulk-len`
   */
  readonly maxBulkLength?: number;
  /**
   * Most elements of one command, its name included.
   * @default 2_147_483_647 — INT_MAX, what Redis 7 accepts (networking.c, processMultibulkBuffer)
   */
  readonly maxElements?: number;
  /**
   * Longest inline command in bytes.
   * @default 65_536 — Redis's PROTO_INLINE_MAX_SIZE
   */
  readonly maxLineLength?: number;
}

const START = 0;
const COUNT = 1;
const COUNT_LF = 2;
const DOLLAR = 3;
const LENGTH = 4;
const LENGTH_LF = 5;
const NAME = 6;
const PAYLOAD = 7;
const INLINE_BLANK = 8;
const INLINE_NAME = 9;
const INLINE_REST = 10;
const FAILED = 11;

/** In quotes, each byte of a name may be written as `\xHH`. */
const LONGEST_WRITTEN_NAME = 4 * LONGEST_NAME + 2;

/** Most scanners never meet a name that is cut, and there may be many of them. */
const NOTHING = new Uint8Array(0);

/**
 * Finds where commands begin and end in what a client sends, whatever the pieces in which it arrives.
 *
 * It understands arrays of bulk strings and inline commands. Empty lines, `*0` and `*-1` are passed over, since
 * a server answers none of them. Payloads are skipped by arithmetic, never read. Nothing is copied but a command
 * name that is cut in two, and nothing is allocated per command.
 *
 * Like Redis, it wants CRLF behind the headers of an array; an inline command may end with LF alone. Whatever begins
 * with anything but `*`, a blank for instance, is an inline command up to the end of its line.
 *
 * @example
 * ```ts
 * const scanner = new CommandScanner({ watch: ["AUTH"] });
 * socket.on("data", (chunk) => {
 *   let offset = 0;
 *   while (offset < chunk.length) {
 *     offset = scanner.scan(chunk, offset);
 *     if (scanner.watched === "AUTH") console.log(`AUTH ended at byte ${scanner.position}`);
 *   }
 * });
 * ```
 */
export class CommandScanner {
  /** Commands that have ended so far. */
  commands = 0;
  /** Bytes read so far. */
  position = 0;
  /** Where the current command began, or the last one when between two: in bytes from the stream's beginning. */
  commandStart = 0;
  /** The watched name, as it was given, of the command at whose end the last {@link scan} stopped. */
  watched: string | undefined;

  readonly #watch: WatchList;
  readonly #maxBulkLength: number;
  readonly #maxElements: number;
  readonly #maxLineLength: number;

  #state = START;
  #number = 0;
  #digits = 0;
  #isNegative = false;
  #elements = 0;
  #left = 0;
  #skip = 0;
  #isNamed = false;
  #watchedIndex = -1;
  /** Where the name is: in the chunk it arrived in, or in `#split` when it was cut. */
  #nameBytes: Uint8Array;
  #nameOffset = 0;
  #nameLength = 0;
  #split: Uint8Array = NOTHING;
  /** The quote that an inline name is in, or 0. */
  #quote = 0;
  #isEscaped = false;
  /** Whether an inline name is written with quotes. */
  #isQuoted = false;

  constructor(options: CommandScannerOptions = {}) {
    this.#watch = watchListOf(options.watch ?? []);
    this.#maxBulkLength = options.maxBulkLength ?? 536_870_912;
    this.#maxElements = options.maxElements ?? 2_147_483_647;
    this.#maxLineLength = options.maxLineLength ?? 65_536;
    this.#nameBytes = this.#split;
  }

  /** Whether the stream is between two commands. */
  get atBoundary(): boolean {
    return this.#state === START;
  }

  /** Whether the stream is inside a command that is watched, or whose name has not arrived in full. */
  get mayBeWatched(): boolean {
    return this.#state !== START && (!this.#isNamed || this.#watchedIndex >= 0);
  }

  /** Name of the current command, or of the last one when between two, in capitals; "" while unknown or over 32 bytes. */
  get name(): string {
    if (!this.#isNamed || this.#nameLength > LONGEST_NAME) return "";
    const { buffer, byteOffset } = this.#nameBytes;
    return Buffer.from(buffer, byteOffset + this.#nameOffset, this.#nameLength)
      .toString("latin1")
      .toUpperCase();
  }

  /** Elements of that command, its name included; 0 for an inline command. */
  get elements(): number {
    return this.#elements;
  }

  /**
   * Reads `chunk` from `offset` and returns the offset that it reached: the end of the chunk, or the end of a
   * watched command ({@link watched} says which), or of the `maxCommands`th command. The rest of the chunk is
   * for the next call.
   *
   * @throws {RespError} when the stream is malformed or exceeds a limit; the scanner is then of no further use.
   */
  scan(chunk: Uint8Array, offset = 0, maxCommands = Infinity): number {
    const end = chunk.length;
    const base = this.position - offset;
    let i = offset;
    let done = 0;
    let state = this.#state;
    let number = this.#number;
    let digits = this.#digits;
    let left = this.#left;
    let skip = this.#skip;
    this.watched = undefined;

    while (i < end) {
      if (state === PAYLOAD) {
        const available = end - i;
        if (available < skip) {
          skip -= available;
          i = end;
          break;
        }
        i += skip;
        if (--left > 0) {
          state = DOLLAR;
          continue;
        }
        state = START;
        done++;
        if (this.#watchedIndex >= 0 || done === maxCommands) break;
        continue;
      }

      const byte = chunk[i]!;
      if (state === COUNT || state === LENGTH) {
        if (byte >= 48 && byte <= 57) {
          number = number * 10 + byte - 48;
          digits++;
          if (digits > 16) this.#fail("ERR_RESP_SYNTAX", "A length of more than 16 digits", base + i);
        } else if (byte === 13 && digits > 0) {
          state++;
        } else if (byte === 45 && digits === 0 && !this.#isNegative && state === COUNT) {
          this.#isNegative = true;
        } else {
          this.#fail("ERR_RESP_SYNTAX", `Expected a length and CRLF, got ${describeByte(byte)}`, base + i);
        }
        i++;
      } else if (state === LENGTH_LF) {
        if (byte !== 10) this.#fail("ERR_RESP_SYNTAX", `Expected LF, got ${describeByte(byte)}`, base + i);
        if (number > this.#maxBulkLength) {
          const message = `An argument of ${number} bytes, more than the limit of ${this.#maxBulkLength},`;
          this.#fail("ERR_RESP_BULK_TOO_LONG", message, base + i);
        }
        i++;
        skip = number + 2;
        state = PAYLOAD;
        if (!this.#isNamed) {
          this.#nameLength = number;
          if (number > LONGEST_NAME) {
            this.#isNamed = true;
          } else if (i + number <= end) {
            this.#isNamed = true;
            this.#nameBytes = chunk;
            this.#nameOffset = i;
            this.#watchedIndex = this.#watch.indexOf(chunk, i, number);
          } else {
            state = NAME;
            this.#nameLength = 0;
          }
        }
      } else if (state === DOLLAR) {
        if (byte !== 36) this.#fail("ERR_RESP_SYNTAX", `Expected "$", got ${describeByte(byte)}`, base + i);
        i++;
        number = 0;
        digits = 0;
        state = LENGTH;
      } else if (state === START) {
        if (byte === 42) {
          state = COUNT;
          number = 0;
          digits = 0;
          this.#begin(base + i);
          i++;
        } else {
          state = INLINE_BLANK;
          this.#begin(base + i);
        }
      } else if (state === COUNT_LF) {
        if (byte !== 10) this.#fail("ERR_RESP_SYNTAX", `Expected LF, got ${describeByte(byte)}`, base + i);
        if (number > this.#maxElements && !this.#isNegative) {
          const message = `A command of ${number} elements, more than the limit of ${this.#maxElements},`;
          this.#fail("ERR_RESP_TOO_MANY_ELEMENTS", message, base + i);
        }
        i++;
        left = this.#isNegative ? 0 : number;
        this.#elements = left;
        state = left === 0 ? START : DOLLAR;
      } else if (state === NAME) {
        if (this.#split === NOTHING) this.#split = new Uint8Array(LONGEST_WRITTEN_NAME);
        this.#split[this.#nameLength++] = byte;
        i++;
        if (this.#nameLength === number) {
          this.#endSplitName();
          skip = 2;
          state = PAYLOAD;
        }
      } else if (state === INLINE_BLANK) {
        if (byte === 10) state = START;
        else if (!isBlank(byte)) {
          state = INLINE_NAME;
          continue;
        }
        i++;
        this.#checkLine(base + i);
      } else if (state === INLINE_NAME) {
        if (byte === 10 || (this.#quote === 0 && endsWord(byte, this.#isQuoted))) {
          this.#endInlineName();
          state = INLINE_REST;
        } else {
          if (byte === 0) this.#fail("ERR_RESP_SYNTAX", "A zero byte in an inline command", base + i);
          this.#addToInlineName(byte);
          i++;
          this.#checkLine(base + i);
        }
      } else if (state === INLINE_REST) {
        const newline = chunk.indexOf(10, i);
        const stop = newline < 0 ? end : newline + 1;
        // Redis looks for the end of the line in front of it only (networking.c, processInlineBuffer).
        for (; i < stop; i++) {
          if (chunk[i] === 0) this.#fail("ERR_RESP_SYNTAX", "A zero byte in an inline command", base + i);
        }
        this.#checkLine(base + i);
        if (newline < 0) break;
        state = START;
        done++;
        if (this.#watchedIndex >= 0 || done === maxCommands) break;
      } else {
        this.#fail("ERR_RESP_SYNTAX", "The stream failed before; no boundary is known", base + i);
      }
    }

    if (state === START && this.#watchedIndex >= 0 && done > 0) {
      this.watched = this.#watch.names[this.#watchedIndex];
      this.#watchedIndex = -1;
    }
    if (state !== START && this.#nameBytes === chunk) this.#keepName();
    this.#state = state;
    this.#number = number;
    this.#digits = digits;
    this.#left = left;
    this.#skip = skip;
    this.commands += done;
    this.position = base + i;
    return i;
  }

  /**
   * Reads `chunk` when it consists of whole commands, none of them watched; otherwise reads nothing and returns
   * `false`: {@link scan} is for those. It takes less than half of the time.
   */
  skip(chunk: Uint8Array): boolean {
    if (this.#state !== START) return false;
    const end = chunk.length;
    let commands = 0;
    let start = 0;
    let i = 0;
    while (i < end) {
      start = i;
      if (chunk[i++] !== 42) return false;
      let byte = chunk[i++]!;
      let left = 0;
      while (byte >= 48 && byte <= 57) {
        left = left * 10 + byte - 48;
        byte = chunk[i++]!;
      }
      if (byte !== 13 || chunk[i++] !== 10 || left === 0 || left > this.#maxElements) return false;
      for (let isName = true; left > 0; left--) {
        if (chunk[i++] !== 36) return false;
        byte = chunk[i++]!;
        if (byte === 13) return false;
        let length = 0;
        while (byte >= 48 && byte <= 57) {
          length = length * 10 + byte - 48;
          byte = chunk[i++]!;
        }
        if (byte !== 13 || chunk[i++] !== 10 || length > this.#maxBulkLength) return false;
        if (isName && (length > LONGEST_NAME || this.#watch.indexOf(chunk, i, length) >= 0)) return false;
        isName = false;
        i += length + 2;
        if (i > end) return false;
      }
      commands++;
    }
    if (commands === 0) return true;
    this.#begin(this.position + start);
    this.position += end;
    this.commands += commands;
    this.watched = undefined;
    return true;
  }

  #begin(position: number): void {
    this.commandStart = position;
    this.#isNegative = false;
    this.#isNamed = false;
    this.#watchedIndex = -1;
    this.#elements = 0;
    this.#nameLength = 0;
    this.#quote = 0;
    this.#isEscaped = false;
    this.#isQuoted = false;
  }

  #checkLine(position: number): void {
    if (position - this.commandStart <= this.#maxLineLength) return;
    const message = `An inline command of more than ${this.#maxLineLength} bytes`;
    this.#fail("ERR_RESP_LINE_TOO_LONG", message, position);
  }

  #addToInlineName(byte: number): void {
    if (this.#split === NOTHING) this.#split = new Uint8Array(LONGEST_WRITTEN_NAME);
    if (this.#nameLength < LONGEST_WRITTEN_NAME) this.#split[this.#nameLength] = byte;
    this.#nameLength++;
    if (this.#quote === 0) {
      if (byte !== DOUBLE_QUOTE && byte !== SINGLE_QUOTE) return;
      this.#quote = byte;
      this.#isQuoted = true;
    } else if (byte === BACKSLASH) {
      // In single quotes it only escapes a quote, and another backslash leaves that to come.
      this.#isEscaped = this.#quote === SINGLE_QUOTE || !this.#isEscaped;
    } else {
      if (byte === this.#quote && !this.#isEscaped) this.#quote = 0;
      this.#isEscaped = false;
    }
  }

  /** A name in quotes means the same to Redis, and so do its escapes. */
  #endInlineName(): void {
    if (this.#isQuoted && this.#nameLength <= LONGEST_WRITTEN_NAME) {
      const name = nameIn(this.#split.subarray(0, this.#nameLength));
      this.#nameLength = name.length;
      if (name.length <= LONGEST_NAME) this.#split.set(name);
    }
    this.#endSplitName();
  }

  /** The command goes on in another chunk, and this one may be overwritten by then. */
  #keepName(): void {
    if (!this.#isNamed || this.#nameLength > LONGEST_NAME) return;
    const end = this.#nameOffset + this.#nameLength;
    if (this.#split === NOTHING) this.#split = new Uint8Array(LONGEST_WRITTEN_NAME);
    this.#split.set(this.#nameBytes.subarray(this.#nameOffset, end));
    this.#nameBytes = this.#split;
    this.#nameOffset = 0;
  }

  #endSplitName(): void {
    this.#isNamed = true;
    this.#nameBytes = this.#split;
    this.#nameOffset = 0;
    this.#watchedIndex = this.#watch.indexOf(this.#split, 0, this.#nameLength);
  }

  #fail(code: RespErrorCode, message: string, position: number): never {
    this.#state = FAILED;
    throw new RespError(code, message, position);
  }
}

const DOUBLE_QUOTE = 34;
const SINGLE_QUOTE = 39;
const BACKSLASH = 92;

/** What may stand between words in an inline command (`isspace` in the C locale); LF ends it. */
function isBlank(byte: number): boolean {
  return byte === 32 || byte === 9 || (byte >= 11 && byte <= 13);
}

/** Vertical tab and form feed are parts of a word, except behind a quote (sds.c, sdssplitargs). */
function endsWord(byte: number, isBehindQuote: boolean): boolean {
  return isBlank(byte) && (isBehindQuote || (byte !== 11 && byte !== 12));
}

/** None when its quotes are not balanced: Redis then takes nothing of the line. */
function nameIn(written: Uint8Array): Uint8Array {
  try {
    return parseInline(written)[0] ?? NO_NAME;
  } catch {
    return NO_NAME;
  }
}

const NO_NAME = new Uint8Array(0);
