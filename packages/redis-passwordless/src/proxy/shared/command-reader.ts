import { CommandScanner, encodeCommand, parseCommand } from "resp-framing";

/** What has been found in what a client sends. */
export type Found =
  /** A whole command: {@link CommandReader.command} and its name. */
  | "command"
  /** The rest is not here yet. */
  | "more"
  /** A command that is too long to be kept until it is whole. */
  | "long";

/** Where no command is longer than this, in bytes, it may be kept until it is whole. */
const LONGEST_COMMAND = 1_048_576;
/** What servers take: `INT_MAX`, and `proto-max-bulk-len`. */
const MOST_ELEMENTS = 2_147_483_647;
const LONGEST_ARGUMENT = 536_870_912;
const STAR = 42;
const DOLLAR = 36;
const CR = 13;
const LF = 10;

/**
 * Takes commands out of what a client sends, each in the one form that any server reads in one way: an array of bulk
 * strings whose lengths have no superfluous digits. Inline commands, blanks between commands and whatever else servers
 * put up with is rewritten or left out, because on a shared connection a command that the server reads otherwise than
 * we do would shift the replies of everybody.
 */
export class CommandReader {
  /** The name of the command that was found last, in the client's own case. */
  name = "";
  /** Elements of that command, its name included. */
  count = 0;
  #bytes: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** Where the search for the last command began. */
  #from = 0;
  /** A command that had to be rewritten. */
  #rewritten: Buffer | undefined;

  /** Goes on with these bytes, which must not change until {@link keep}. */
  feed(bytes: Buffer): void {
    this.#bytes = this.#end < this.#bytes.length ? Buffer.concat([this.rest, bytes]) : bytes;
    this.#start = 0;
    this.#end = 0;
    this.#rewritten = undefined;
  }

  /** What has not been taken is copied: its buffer is about to be used for something else. */
  keep(): void {
    if (this.#end === this.#bytes.length) this.#bytes = EMPTY;
    else this.#bytes = Buffer.from(this.rest);
    this.#start = 0;
    this.#end = 0;
  }

  /** What has not been taken. */
  get rest(): Buffer {
    return this.#bytes.subarray(this.#end);
  }

  /** The bytes of the command that was found last. */
  get command(): Buffer {
    return this.#rewritten ?? this.#bytes.subarray(this.#start, this.#end);
  }

  /** Where that command lies, as long as it stands there in this form; -1 otherwise. */
  get start(): number {
    return this.#rewritten === undefined ? this.#start : -1;
  }

  get end(): number {
    return this.#end;
  }

  /** Commands that lie one behind the other. */
  slice(from: number, to: number): Buffer {
    return this.#bytes.subarray(from, to);
  }

  get args(): Buffer[] {
    return parseCommand(this.command);
  }

  /** Goes back to where the command began that was found last, so that it is found again. */
  rewind(): void {
    this.#end = this.#from;
  }

  /** Takes everything that is left, as it is. */
  takeRest(): Buffer {
    const { rest } = this;
    this.#end = this.#bytes.length;
    return rest;
  }

  /** Where the command begins that was found last. */
  get mark(): number {
    return this.#from;
  }

  /** Goes back to where a command began. */
  backTo(mark: number): void {
    this.#from = mark;
    this.#end = mark;
  }

  /**
   * Looks for the next command.
   *
   * @throws {RespError} for what no server would take
   */
  next(): Found {
    this.#rewritten = undefined;
    const from = this.#end;
    this.#from = from;
    const end = this.#cut(from);
    if (end > from) {
      this.#start = from;
      this.#end = end;
      return "command";
    }
    if (end < 0) return this.#readOdd(from);
    return this.#bytes.length - from > LONGEST_COMMAND ? "long" : "more";
  }

  /** Returns where the command ends that begins here; 0 when it is not whole, -1 when it is written otherwise. */
  #cut(from: number): number {
    const bytes = this.#bytes;
    if (from >= bytes.length) return 0;
    if (bytes[from] !== STAR) return -1;
    let at = this.#number(from + 1);
    if (at <= 0) return at;
    const count = this.#value;
    if (count === 0 || count > MOST_ELEMENTS) return -1;
    this.count = count;
    for (let index = 0; index < count; index += 1) {
      if (at >= bytes.length) return 0;
      if (bytes[at] !== DOLLAR) return -1;
      at = this.#number(at + 1);
      if (at <= 0) return at;
      if (this.#value > LONGEST_ARGUMENT) return -1;
      const end = at + this.#value;
      if (end + 2 > bytes.length) return 0;
      if (bytes[end] !== CR || bytes[end + 1] !== LF) return -1;
      if (index === 0) this.name = this.#value > 64 ? "" : bytes.toString("latin1", at, end);
      at = end + 2;
    }
    return at;
  }

  #value = 0;

  /** Reads a length and what ends it; returns where it ends, 0 when it is not whole, -1 when it is written otherwise. */
  #number(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    let value = 0;
    for (let byte = bytes[at]; byte !== undefined && byte >= 48 && byte <= 57; byte = bytes[at]) {
      if ((value === 0 && at > from) || at - from > 9) return -1;
      value = value * 10 + byte - 48;
      at += 1;
    }
    if (at === bytes.length) return 0;
    if (at === from || bytes[at] !== CR) return -1;
    if (at + 1 === bytes.length) return 0;
    if (bytes[at + 1] !== LF) return -1;
    this.#value = value;
    return at + 2;
  }

  #readOdd(from: number): Found {
    const scanner = new CommandScanner();
    const end = scanner.scan(this.#bytes, from, 1);
    if (scanner.commands === 0) {
      if (!scanner.atBoundary) return this.#bytes.length - from > LONGEST_COMMAND ? "long" : "more";
      // Blanks and empty commands, to which no server says anything.
      this.#end = end;
      return "more";
    }
    this.#start = from + scanner.commandStart;
    this.#end = end;
    const args = parseCommand(this.#bytes.subarray(this.#start, end));
    const [name] = args;
    if (name === undefined) return this.next();
    this.name = name.length > 64 ? "" : name.toString("latin1");
    this.count = args.length;
    this.#rewritten = encodeCommand(args);
    return "command";
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
