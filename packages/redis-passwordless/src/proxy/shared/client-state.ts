import { ReplyScanner } from "resp-framing";

/** What a command may change, that whoever has the connection next would notice. */
interface Pending {
  readonly name: string;
  /** The number of a SELECT. */
  readonly db: number;
}

/**
 * What a client has left behind on a connection of its own: an open transaction, watched keys, another database. Told
 * from the replies, because a command may be refused.
 */
export class ClientState {
  readonly #scanner = new ReplyScanner();
  #pending: Pending[] = [];
  #isInTransaction = false;
  #isWatching = false;
  #db = 0;

  /** Whether nothing is left behind and every command has been answered. */
  get isClean(): boolean {
    return this.#pending.length === 0 && !this.#isInTransaction && !this.#isWatching && this.#db === 0;
  }

  /** Replies that have not come. */
  get outstanding(): number {
    return this.#pending.length;
  }

  /** Whether a part of a reply has come. */
  get isTorn(): boolean {
    return !this.#scanner.atBoundary;
  }

  /** A command has been sent. */
  sent(name: string, args: readonly Buffer[]): void {
    const db = name === "SELECT" ? Number(String(args[1])) : 0;
    this.#pending.push({ name, db });
  }

  /** The server has sent this. */
  received(bytes: Buffer): void {
    const scanner = this.#scanner;
    for (let at = 0; at < bytes.length; ) {
      at = scanner.scanFrame(bytes, at);
      if (!scanner.atBoundary || scanner.isPush) continue;
      const command = this.#pending.shift();
      if (command !== undefined) this.#answered(command, scanner.frameType, scanner.preview);
    }
  }

  #answered({ name, db }: Pending, type: string, preview: Buffer): void {
    const isError = type === "-" || type === "!";
    // Inside of a transaction a command is queued, and done with EXEC.
    const isQueued = type === "+" && preview.toString("latin1") === "+QUEUED\r\n";
    if (name === "EXEC") {
      // An EXEC that was malformed, or came without a MULTI, ends nothing.
      if (isError && !preview.toString("latin1").startsWith("-EXECABORT")) return;
      this.#isInTransaction = false;
      this.#isWatching = false;
    } else if (isError) return;
    else if (name === "MULTI") this.#isInTransaction = true;
    else if (name === "DISCARD") {
      this.#isInTransaction = false;
      this.#isWatching = false;
    } else if (name === "WATCH") this.#isWatching ||= !isQueued;
    else if (name === "UNWATCH") this.#isWatching &&= isQueued;
    // Whether a queued one is executed, only the replies within that of EXEC would tell.
    else if (name === "SELECT") this.#db = isQueued && db === 0 ? Number.NaN : db;
  }
}
