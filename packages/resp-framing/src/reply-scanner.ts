import { describeByte, RespError, type RespErrorCode } from "./errors.js";

export interface ReplyScannerOptions {
  /**
   * Longest bulk string in bytes.
   * @default 536_870_912 — Redis's `proto-max-bulk-len`
   */
  readonly maxBulkLength?: number;
  /**
   * Most elements of one aggregate (a map's pairs count once).
   * @default 4_294_967_295 — the most that a Redis list or hash can hold
   */
  readonly maxElements?: number;
  /**
   * Longest simple string, error, number or length, in bytes.
   * @default 1_048_576
   */
  readonly maxLineLength?: number;
  /**
   * Aggregates inside aggregates.
   * @default 128 — far more than any command nests
   */
  readonly maxNesting?: number;
}

const TYPE = 0;
const NUMBER = 1;
const LINE = 2;
const LF = 3;
const PAYLOAD = 4;
const PAYLOAD_CR = 5;
const PAYLOAD_LF = 6;
const STREAM_CHUNK = 7;
const FAILED = 8;

const K_LINE = 1;
const K_INTEGER = 2;
const K_BULK = 3;
const K_AGGREGATE = 4;
const K_MAP = 5;
const K_ATTRIBUTE = 6;
const K_STREAM_END = 7;
const K_STREAM_CHUNK = 8;

/** What kind of element each type byte opens; https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md */
const KIND = new Uint8Array(256);
for (const [types, kind] of [
  ["+-_#,(", K_LINE],
  [":", K_INTEGER],
  ["$=!", K_BULK],
  ["*~>", K_AGGREGATE],
  ["%", K_MAP],
  ["|", K_ATTRIBUTE],
  [".", K_STREAM_END],
] as const) {
  for (const type of types) KIND[type.charCodeAt(0)] = kind;
}

const DOLLAR = 36;
const STAR = 42;
const PUSH = 62;
const SEMICOLON = 59;

/** How much of a frame {@link ReplyScanner.preview} shows. */
const PREVIEW_BYTES = 64;

/** Most scanners never meet a frame that is cut, and there may be many of them. */
const NOTHING = new Uint8Array(0);

/**
 * Finds where replies begin and end in what a server sends, RESP2 or RESP3, whatever the pieces in which it
 * arrives: nested aggregates, attributes, pushes and streamed types included.
 *
 * Bulk payloads are skipped by arithmetic, never read, and nothing is allocated per element. It checks what
 * framing needs and no more: the text of a simple string or of a double is not looked at.
 *
 * A frame is one top-level value with the attributes in front of it. It is either a reply or a push.
 */
export class ReplyScanner {
  /** Replies (frames that are no pushes) that have ended so far. */
  replies = 0;
  /** Pushes that have ended so far. */
  pushes = 0;
  /** Bytes read so far. */
  position = 0;
  /** Where the current frame began, or the last one when between two, attributes included. */
  frameStart = 0;
  /** Type byte of that frame as a character, such as `"+"` or `">"`, whatever attributes stand in front of it. */
  get frameType(): string {
    return String.fromCharCode(this.#frameType);
  }
  /** Value of the last integer (`:`) read, for replies that end with one; beyond ±2⁵³ it loses digits. */
  lastInteger = 0;

  readonly #maxBulkLength: number;
  readonly #maxElements: number;
  readonly #maxLineLength: number;
  readonly #maxNesting: number;

  #state = TYPE;
  #kind = 0;
  #type = 0;
  #frameType = 0;
  #isInFrame = false;
  #number = 0;
  #digits = 0;
  #isNegative = false;
  #isStreamed = false;
  #isStreamedString = false;
  #lineLength = 0;
  #skip = 0;
  /** Elements that the innermost open aggregate still lacks; Infinity in a streamed one. */
  #left = 0;
  /** The same of the aggregates around it. */
  readonly #outer: number[] = [];

  /** The frame's first bytes, as far as they arrived in earlier chunks. */
  #carried: Uint8Array = NOTHING;
  #carriedLength = 0;
  #chunk: Uint8Array = this.#carried;
  #valueFrom = 0;
  #valueTo = 0;

  constructor(options: ReplyScannerOptions = {}) {
    this.#maxBulkLength = options.maxBulkLength ?? 536_870_912;
    this.#maxElements = options.maxElements ?? 4_294_967_295;
    this.#maxLineLength = options.maxLineLength ?? 1_048_576;
    this.#maxNesting = options.maxNesting ?? 128;
  }

  /** Whether the stream is between two frames. */
  get atBoundary(): boolean {
    return !this.#isInFrame;
  }

  /** Whether the current frame, or the last one when between two, is a push. */
  get isPush(): boolean {
    return this.#frameType === PUSH;
  }

  /**
   * The first bytes, 64 at most, of the frame at whose end the last scan stopped, without its attributes:
   * enough to tell `+OK` from `+QUEUED`, or the kind of a push. A view or a copy, for immediate use. Nothing after a
   * {@link scan} without `maxReplies`, which stops at no frame.
   */
  get preview(): Buffer {
    const { buffer, byteOffset } = this.#chunk;
    const length = Math.min(this.#valueTo - this.#valueFrom, PREVIEW_BYTES - this.#carriedLength);
    const here = Buffer.from(buffer, byteOffset + this.#valueFrom, length);
    return this.#carriedLength === 0
      ? here
      : Buffer.concat([this.#carried.subarray(0, this.#carriedLength), here]);
  }

  /**
   * Reads `chunk` from `offset` and returns the offset that it reached: the end of the chunk, or the end of the
   * `maxReplies`th reply. Pushes are counted and passed over.
   *
   * @throws {RespError} when the stream is malformed or exceeds a limit; the scanner is then of no further use.
   */
  scan(chunk: Uint8Array, offset = 0, maxReplies = Infinity): number {
    return this.#scan(chunk, offset, maxReplies, false);
  }

  /** As {@link scan}, but stops at the end of the next frame, reply or push; {@link atBoundary} tells if it has ended. */
  scanFrame(chunk: Uint8Array, offset = 0): number {
    return this.#scan(chunk, offset, 1, true);
  }

  #scan(chunk: Uint8Array, offset: number, maxReplies: number, stopAtPush: boolean): number {
    const end = chunk.length;
    const base = this.position - offset;
    let i = offset;
    let done = 0;
    let state = this.#state;
    let number = this.#number;
    let left = this.#left;
    this.#chunk = chunk;
    this.#valueFrom = offset;

    scan: while (i < end) {
      const byte = chunk[i]!;
      /** Whether this turn of the loop has reached the end of an element. */
      let isElementEnd = false;

      if (state === TYPE) {
        const kind = KIND[byte]!;
        if (kind === 0) this.#fail("ERR_RESP_SYNTAX", `Expected a type, got ${describeByte(byte)}`, base + i);
        if (!this.#isInFrame) {
          this.#isInFrame = true;
          this.frameStart = base + i;
          left = 1;
        }
        if (this.#outer.length === 0 && kind !== K_ATTRIBUTE) {
          this.#frameType = byte;
          this.#valueFrom = i;
          this.#carriedLength = 0;
        }
        const bulkEnd = byte === DOLLAR ? this.#endOfWholeBulk(chunk, i + 1) : 0;
        if (bulkEnd > 0) {
          i = bulkEnd;
          isElementEnd = true;
        } else {
          this.#kind = kind;
          this.#type = byte;
          i++;
          if (kind === K_LINE || kind === K_STREAM_END) {
            state = LINE;
            this.#lineLength = 0;
          } else {
            state = NUMBER;
            number = 0;
            this.#beginNumber();
          }
        }
      } else if (state === NUMBER) {
        if (byte >= 48 && byte <= 57 && !this.#isStreamed) {
          number = number * 10 + byte - 48;
          this.#digits++;
          if (this.#digits > 19) this.#fail("ERR_RESP_SYNTAX", "A number of more than 19 digits", base + i);
        } else if (byte === 13 && (this.#digits > 0 || this.#isStreamed)) {
          state = LF;
        } else if (byte === 45 && this.#digits === 0 && !this.#isNegative) {
          this.#isNegative = true;
        } else if (byte === 63 && this.#digits === 0 && this.#mayBeStreamed()) {
          this.#isStreamed = true;
        } else if (byte !== 43 || this.#digits > 0 || this.#kind !== K_INTEGER) {
          this.#fail("ERR_RESP_SYNTAX", `Expected a number and CRLF, got ${describeByte(byte)}`, base + i);
        }
        i++;
      } else if (state === LINE) {
        const from = i;
        let stop = i + 48;
        if (stop > end) stop = end;
        while (i < stop && chunk[i] !== 13) i++;
        if (i === stop && i < end) {
          const found = chunk.indexOf(13, i);
          i = found < 0 ? end : found;
        }
        this.#lineLength += i - from;
        if (this.#lineLength > this.#maxLineLength) {
          this.#fail("ERR_RESP_LINE_TOO_LONG", `A line of more than ${this.#maxLineLength} bytes`, base + i);
        }
        if (i === end) break;
        state = LF;
        i++;
      } else if (state === LF) {
        if (byte !== 10) this.#fail("ERR_RESP_SYNTAX", `Expected LF, got ${describeByte(byte)}`, base + i);
        i++;
        state = TYPE;
        const kind = this.#kind;
        if (kind === K_LINE) {
          isElementEnd = true;
        } else if (kind === K_INTEGER) {
          this.lastInteger = this.#isNegative ? -number : number;
          isElementEnd = true;
        } else if (kind === K_BULK || kind === K_STREAM_CHUNK) {
          if (this.#isStreamed) {
            state = STREAM_CHUNK;
            this.#isStreamedString = true;
          } else if (this.#isNegative) {
            this.#checkNull(number, base + i);
            isElementEnd = true;
          } else if (kind === K_STREAM_CHUNK && number === 0) {
            this.#isStreamedString = false;
            isElementEnd = true;
          } else {
            if (number > this.#maxBulkLength) {
              const message = `A bulk string of ${number} bytes, more than the limit of ${this.#maxBulkLength},`;
              this.#fail("ERR_RESP_BULK_TOO_LONG", message, base + i);
            }
            if (i + number + 1 < end) {
              i += number;
              state = PAYLOAD_CR;
            } else {
              this.#skip = number;
              state = PAYLOAD;
            }
          }
        } else if (kind === K_STREAM_END) {
          if (left !== Infinity || this.#lineLength > 0) {
            this.#fail("ERR_RESP_SYNTAX", "The end of a streamed aggregate without its beginning", base + i);
          }
          left = this.#outer.pop()!;
          isElementEnd = true;
        } else if (this.#isNegative) {
          this.#checkNull(number, base + i);
          isElementEnd = true;
        } else {
          if (number > this.#maxElements) {
            const message = `An aggregate of ${number} elements, more than the limit of ${this.#maxElements},`;
            this.#fail("ERR_RESP_TOO_MANY_ELEMENTS", message, base + i);
          }
          let inside = kind === K_AGGREGATE ? number : 2 * number;
          if (this.#isStreamed) inside = Infinity;
          if (inside === 0) {
            isElementEnd = kind !== K_ATTRIBUTE;
          } else {
            if (this.#outer.length >= this.#maxNesting) {
              const message = `Aggregates nested deeper than the limit of ${this.#maxNesting}`;
              this.#fail("ERR_RESP_NESTING_TOO_DEEP", message, base + i);
            }
            // An attribute is no element of what is around it: its end takes one off, so one is added.
            this.#outer.push(kind === K_ATTRIBUTE ? left + 1 : left);
            left = inside;
          }
        }
      } else if (state === PAYLOAD) {
        const available = end - i;
        if (available < this.#skip) {
          this.#skip -= available;
          i = end;
          break;
        }
        i += this.#skip;
        state = PAYLOAD_CR;
      } else if (state === PAYLOAD_CR) {
        if (byte !== 13) this.#fail("ERR_RESP_SYNTAX", `Expected CR, got ${describeByte(byte)}`, base + i);
        i++;
        state = PAYLOAD_LF;
      } else if (state === PAYLOAD_LF) {
        if (byte !== 10) this.#fail("ERR_RESP_SYNTAX", `Expected LF, got ${describeByte(byte)}`, base + i);
        i++;
        state = this.#isStreamedString ? STREAM_CHUNK : TYPE;
        isElementEnd = !this.#isStreamedString;
      } else if (state === STREAM_CHUNK) {
        if (byte !== SEMICOLON) {
          this.#fail("ERR_RESP_SYNTAX", `Expected ";", got ${describeByte(byte)}`, base + i);
        }
        i++;
        this.#kind = K_STREAM_CHUNK;
        this.#type = byte;
        state = NUMBER;
        number = 0;
        this.#beginNumber();
      } else {
        this.#fail("ERR_RESP_SYNTAX", "The stream failed before; no boundary is known", base + i);
      }

      if (!isElementEnd) continue;
      while (--left === 0) {
        if (this.#outer.length === 0) {
          this.#isInFrame = false;
          this.#valueTo = i;
          if (this.#frameType === PUSH) {
            this.pushes++;
            if (stopAtPush) break scan;
          } else {
            done++;
            if (done === maxReplies) break scan;
          }
          break;
        }
        left = this.#outer.pop()!;
      }
    }

    this.#state = state;
    this.#number = number;
    this.#left = left;
    this.replies += done;
    this.position = base + i;
    if (this.#isInFrame) this.#carry(chunk, end);
    // Nobody looks at one reply of many, and the chunk may be part of something large.
    if (maxReplies === Infinity) {
      this.#chunk = NOTHING;
      this.#valueFrom = 0;
      this.#valueTo = 0;
    }
    return i;
  }

  /**
   * The short way for the most frequent element: where a plain bulk string ends whose length begins at `offset`,
   * or 0 when it is not whole in this chunk or anything about it is unusual. The long way takes care of those.
   */
  #endOfWholeBulk(chunk: Uint8Array, offset: number): number {
    let i = offset;
    let length = 0;
    let byte = chunk[i]!;
    while (byte >= 48 && byte <= 57 && i - offset < 10) {
      length = length * 10 + byte - 48;
      byte = chunk[++i]!;
    }
    const payload = i + 2;
    const end = payload + length + 2;
    if (i === offset || end > chunk.length || length > this.#maxBulkLength) return 0;
    const isFramed = byte === 13 && chunk[i + 1] === 10 && chunk[end - 2] === 13 && chunk[end - 1] === 10;
    return isFramed ? end : 0;
  }

  #beginNumber(): void {
    this.#digits = 0;
    this.#isNegative = false;
    this.#isStreamed = false;
  }

  #mayBeStreamed(): boolean {
    if (this.#isStreamed) return false;
    return this.#type === DOLLAR || this.#kind === K_AGGREGATE || this.#kind === K_MAP;
  }

  /** RESP2 writes null as a bulk string or an array of length -1; no other negative length exists. */
  #checkNull(number: number, position: number): void {
    if (number === 1 && (this.#type === DOLLAR || this.#type === STAR)) return;
    this.#fail("ERR_RESP_SYNTAX", `A length of -${number}`, position);
  }

  #carry(chunk: Uint8Array, end: number): void {
    const length = Math.min(end - this.#valueFrom, PREVIEW_BYTES - this.#carriedLength);
    if (length <= 0) return;
    if (this.#carried === NOTHING) this.#carried = new Uint8Array(PREVIEW_BYTES);
    this.#carried.set(chunk.subarray(this.#valueFrom, this.#valueFrom + length), this.#carriedLength);
    this.#carriedLength += length;
  }

  #fail(code: RespErrorCode, message: string, position: number): never {
    this.#state = FAILED;
    throw new RespError(code, message, position);
  }
}
