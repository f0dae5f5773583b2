import type { Clock } from "../../core/clock.js";
import type { Token } from "../../core/token.js";
import { type BlockingCommand, blockingCommand, withTimeout } from "../../inband/blocking-command.js";
import type { AttachableClient, RedisArgument } from "./structural.js";
import type { Outcome } from "./trace.js";

type Send = (args: readonly RedisArgument[], options?: object) => Promise<unknown>;

/** What an attached client needs to know of the re-authentication of its connection. */
export interface LoginSchedule {
  readonly clock: Clock;
  blockUntilMs(): number;
  loginIfDue(): Promise<void>;
}

/** A transaction that the application began by hand, from MULTI on. */
interface Transaction {
  /** Whether Redis has answered MULTI: until then it may be unwritten, and outlives a lost connection. */
  isAnswered: boolean;
  readonly ended: Promise<"over" | "lost">;
  end(how: "over" | "lost"): void;
}

/**
 * No slice of a blocking command is shorter than this, in milliseconds: while the identity provider is down,
 * the next request, and with it the end of a slice, is always near.
 */
const SHORTEST_SLICE_MS = 100;

const LETTER_B = 98;
const LETTER_M = 109;
const LETTER_X = 120;

/**
 * Stands between an application's commands and one client: keeps logins out of hand-written transactions, and
 * makes commands that block for ever give way when the token has to be renewed.
 */
export class AttachedClient {
  readonly #client: AttachableClient;
  readonly #send: Send;
  readonly #schedule: LoginSchedule;
  #transaction: Transaction | undefined;

  constructor(client: AttachableClient, send: Send, schedule: LoginSchedule) {
    this.#client = client;
    this.#send = send;
    this.#schedule = schedule;
    // A transaction dies with its connection. Not `error`: a listener of ours would hide errors from an
    // application that has none, and most errors are not this connection's end.
    for (const event of ["reconnecting", "connect", "end"]) client.on(event, () => this.#connectionLost());
  }

  /** Every command of the application comes through here. */
  send(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    if (this.#transaction !== undefined) return this.#sendInTransaction(args, options);
    // Almost every command is told apart by its first letter, without a string being made.
    const letter = initialOf(args[0]);
    if (letter !== LETTER_B && letter !== LETTER_M && letter !== LETTER_X) return this.#send(args, options);
    if (isCalled(args[0], "MULTI")) return this.#sendMulti(args, options);
    const blocking = letter === LETTER_M ? undefined : blockingCommand(args);
    return blocking === undefined ? this.#send(args, options) : this.#block(args, blocking, options);
  }

  /** Sends a command of our own on the open connection, after a running transaction. */
  async sendOutside(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    // A loop, because the next transaction may have begun in the same turn.
    while (this.#transaction !== undefined) await this.#transaction.ended;
    return this.#send(args, options);
  }

  /** Logs in on the open connection, after a running transaction. */
  async login(token: Token): Promise<Outcome> {
    for (;;) {
      while (this.#transaction !== undefined) {
        // The next connection logs in by itself.
        if ((await this.#transaction.ended) === "lost")
          return { error: new Error("The connection was lost.") };
      }
      try {
        const result = await this.#send(["AUTH", token.username, token.reveal()]);
        if (String(result) !== "QUEUED") return { result };
      } catch (error) {
        return { error };
      }
      // A transaction that began unseen, before the client was attached: the next try is made after it.
      this.#begin().isAnswered = true;
    }
  }

  #begin(): Transaction {
    let end: Transaction["end"] = () => {};
    const ended = new Promise<"over" | "lost">((resolve) => {
      end = resolve;
    });
    this.#transaction ??= { isAnswered: false, ended, end };
    return this.#transaction;
  }

  #end(transaction: Transaction | undefined, how: "over" | "lost"): void {
    if (this.#transaction === transaction) this.#transaction = undefined;
    transaction?.end(how);
  }

  #connectionLost(): void {
    // A MULTI that was written but not answered is rejected now; one that waits to be written still will be.
    if (this.#transaction?.isAnswered === true) this.#end(this.#transaction, "lost");
  }

  #sendMulti(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    const transaction = this.#begin();
    const reply = this.#send(args, options);
    reply.then(
      () => {
        transaction.isAnswered = true;
      },
      () => this.#end(transaction, "over"),
    );
    return reply;
  }

  #sendInTransaction(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    const reply = this.#send(args, options);
    const name = args[0];
    if (isCalled(name, "EXEC") || isCalled(name, "DISCARD") || isCalled(name, "RESET")) {
      this.#end(this.#transaction, "over");
      // The login that waited has waited long enough: no place in the spread for it.
      void this.#schedule.loginIfDue();
    }
    return reply;
  }

  /**
   * Blocks in slices that end when the next login is due: Redis itself answers each slice, so no element can
   * get lost between them, and the caller sees one command. A transaction that begins meanwhile goes first.
   */
  async #block(args: readonly RedisArgument[], command: BlockingCommand, options?: object): Promise<unknown> {
    if (command.timeoutMs <= this.#longestSliceMs()) return this.#send(args, options);
    // Not awaited in vain: the first slice keeps its place among the commands of this turn.
    const concrete =
      command.newEntriesOnly.length === 0 ? args : await this.#resolveNewEntries(args, command, options);
    let remainingMs = command.timeoutMs;
    for (;;) {
      while (this.#transaction !== undefined) await this.#transaction.ended;
      const sliceMs = Math.min(remainingMs, this.#longestSliceMs());
      const reply = await this.#send(withTimeout(concrete, command, sliceMs), options);
      remainingMs -= sliceMs;
      if (reply !== null || remainingMs <= 0) return reply;
      await this.#schedule.loginIfDue();
    }
  }

  /**
   * Until the handshake is done it is not known when the login after it will be due, nor when Redis will get
   * the command. A short slice takes the command's place in the queue, and the next one knows more.
   */
  #longestSliceMs(): number {
    if (!this.#client.isReady) return SHORTEST_SLICE_MS;
    return Math.max(SHORTEST_SLICE_MS, this.#schedule.blockUntilMs() - this.#schedule.clock.now());
  }

  /**
   * `$` means "what comes after this command was sent", so a second slice must not say it again: what came in
   * between would be skipped. It is replaced by the id of the newest entry.
   */
  async #resolveNewEntries(
    args: readonly RedisArgument[],
    command: BlockingCommand,
    options?: object,
  ): Promise<readonly RedisArgument[]> {
    let resolved = args;
    for (const { idIndex, keyIndex } of command.newEntriesOnly) {
      const key = args[keyIndex] ?? "";
      const newest = (await this.sendOutside(["XREVRANGE", key, "+", "-", "COUNT", "1"], options)) as [
        RedisArgument,
      ][];
      resolved = resolved.with(idIndex, newest[0]?.[0] ?? "0-0");
    }
    return resolved;
  }
}

/** The code of a command's first letter, in lower case; 32 when there is none. */
function initialOf(name: RedisArgument | undefined): number {
  return (typeof name === "string" ? name.charCodeAt(0) : (name?.[0] ?? 0)) | 32;
}

function isCalled(name: RedisArgument | undefined, word: string): boolean {
  return name?.length === word.length && String(name).toUpperCase() === word;
}
