import { CommandScanner, parseCommand } from "resp-framing";
import type { CommandRules } from "./command-rules.js";
import { type LoginCommand, parseLogin } from "./login-command.js";
import type { ReplyLedger } from "./reply-ledger.js";

/** Logins, and the commands that get more or fewer than one reply (facts and reasons in {@link ReplyLedger}). */
const WATCHED = [
  "AUTH",
  "HELLO",
  "SUBSCRIBE",
  "PSUBSCRIBE",
  "SSUBSCRIBE",
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "EXEC",
  "DISCARD",
  "RESET",
  "CLIENT",
  "MONITOR",
  "SYNC",
  "PSYNC",
  "REPLCONF",
];

/** A watched command is held until it is complete; beyond this many bytes it is no login, whatever it is. */
const MOST_HELD_BYTES = 1_048_576;

/** With rules about other commands they may be as long as the server takes them (`client-query-buffer-limit`). */
const MOST_HELD_BYTES_WITH_RULES = 1_073_741_824;

export interface CommandFilterOptions {
  readonly ledger: ReplyLedger;
  /** Without them only logins are looked at. */
  readonly rules?: CommandRules;
  /** Sends bytes on to the server. */
  forward(bytes: Buffer): void;
  /** Decides about a login and sends on what becomes of it; bytes behind the login wait for it. */
  login(login: LoginCommand): Promise<void>;
}

/**
 * Passes on what a client sends, unchanged except for its logins and what the rules rewrite, and tells the ledger
 * what to expect.
 * Whole chunks go through as they come; only a watched command that is cut in two is held back.
 */
export class CommandFilter {
  readonly #options: CommandFilterOptions;
  readonly #scanner: CommandScanner;
  readonly #mostHeldBytes: number;
  /** The beginning of a command that is, or may turn out to be, a watched one. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #isTransparent = false;

  constructor(options: CommandFilterOptions) {
    this.#options = options;
    const { rules } = options;
    this.#scanner = new CommandScanner({ watch: [...new Set([...WATCHED, ...(rules?.watch ?? [])])] });
    this.#mostHeldBytes = rules === undefined ? MOST_HELD_BYTES : MOST_HELD_BYTES_WITH_RULES;
  }

  /**
   * Takes the next chunk. When it holds a login, the answer is a promise that settles when all of the chunk is
   * done with; nothing else may be fed before.
   */
  feed(chunk: Buffer): Promise<void> | undefined {
    if (this.#isTransparent) {
      this.#options.forward(chunk);
      return undefined;
    }
    const { ledger, rules } = this.#options;
    const base = this.#scanner.position;
    let offset = 0;
    let from = 0;
    while (offset < chunk.length) {
      const before = this.#scanner.commands;
      try {
        offset = this.#scanner.scan(chunk, offset);
      } catch {
        // The server will say what is wrong with it, and close.
        this.#goTransparent(chunk.subarray(from));
        return undefined;
      }
      const ended = this.#scanner.commands - before;
      if (this.#scanner.watched === undefined) {
        ledger.plain(ended);
        break;
      }
      ledger.plain(ended - 1);
      const start = this.#scanner.commandStart - base;
      const bytes =
        start < 0 ? Buffer.concat([...this.#held, chunk.subarray(0, offset)]) : chunk.subarray(start, offset);
      const args = parse(bytes);
      const login = parseLogin(args);
      const rewritten = rules?.rewrite(this.#scanner.watched, args);
      if (login === undefined && rewritten === undefined) {
        ledger.special(this.#scanner.watched, args);
        continue;
      }
      if (start < 0) this.#dropHeld();
      else this.#forward(chunk.subarray(from, start));
      if (login !== undefined) return this.#login(login, chunk.subarray(offset));
      ledger.plain(1);
      this.#options.forward(rewritten!);
      from = offset;
    }
    this.#endChunk(chunk, from, base);
    return undefined;
  }

  async #login(login: LoginCommand, rest: Buffer): Promise<void> {
    await this.#options.login(login);
    if (rest.length > 0) await this.feed(rest);
  }

  #endChunk(chunk: Buffer, from: number, base: number): void {
    if (!this.#scanner.mayBeWatched) {
      this.#forward(chunk.subarray(from));
      return;
    }
    const start = this.#scanner.commandStart - base;
    if (start >= 0) this.#forward(chunk.subarray(from, start));
    const part = chunk.subarray(Math.max(start, 0));
    this.#held.push(part);
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#mostHeldBytes) this.#goTransparent(Buffer.alloc(0));
  }

  /** Sends on what is held, then `bytes`. */
  #forward(bytes: Buffer): void {
    for (const part of this.#held) this.#options.forward(part);
    this.#dropHeld();
    if (bytes.length > 0) this.#options.forward(bytes);
  }

  #dropHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #goTransparent(rest: Buffer): void {
    this.#isTransparent = true;
    this.#options.ledger.lose();
    this.#forward(rest);
  }
}

/** The arguments, or none when an inline command has unbalanced quotes: the server answers that. */
function parse(command: Buffer): readonly Buffer[] {
  try {
    return parseCommand(command);
  } catch {
    return [];
  }
}
