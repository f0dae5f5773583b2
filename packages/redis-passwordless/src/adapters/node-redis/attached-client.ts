import type { Clock } from "../../core/clock.js";
import type { Token } from "../../core/token.js";
import { type BlockingCommand, blockingCommand, withTimeout } from "./blocking.js";
import type { AttachableClient, RedisArgument } from "./structural.js";
import type { Outcome } from "./trace.js";

type Send = (args: readonly RedisArgument[], options?: object) => Promise<unknown>;

/** What an attached client needs to know of the re-authentication of its connection. */
export interface LoginSchedule {
  readonly clock: Clock;
  blockUntilMs(): number;
  loginIfDue(): Promise<void>;
}

/**
 * No slice of a blocking command is shorter than this, in milliseconds: while the identity provider is down,
 * the next request, and with it the end of a slice, is always near.
 */
const SHORTEST_SLICE_MS = 100;

/**
 * Stands between an application's commands and one client: keeps logins out of hand-written transactions, and makes commands that block for ever give way when the token has to be renewed.
 */
export class AttachedClient {
  readonly #send: Send;
  readonly #schedule: LoginSchedule;
  #transaction: { readonly ended: Promise<void>; end(): void } | undefined;

  constructor(client: AttachableClient, send: Send, schedule: LoginSchedule) {
    this.#send = send;
    this.#schedule = schedule;
    // Transactions and subscriptions die with their connection.
    for (const event of ["error", "reconnecting", "end"]) client.on(event, () => this.#endTransaction());
  }

  /** Every command of the application comes through here. */
  send(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    const name = args[0];
    if (name === undefined || this.#isOrdinary(name)) return this.#send(args, options);
    if (this.#transaction !== undefined) return this.#sendInTransaction(args, options);
    if (isCalled(name, "MULTI")) return this.#beginTransaction(args, options);
    const blocking = blockingCommand(args);
    if (blocking === undefined) return this.#send(args, options);
    return this.#block(args, blocking, options);
  }

  /** Logs in on the open connection, after a running transaction. */
  async login(token: Token): Promise<Outcome> {
    // A loop, because the next transaction may have begun in the same turn.
    while (this.#transaction !== undefined) await this.#transaction.ended;
    try {
      return { result: await this.#send(["AUTH", token.username, token.reveal()]) };
    } catch (error) {
      return { error };
    }
  }

  /** Almost every command: told apart by its first letter, without a string being made. */
  #isOrdinary(name: RedisArgument): boolean {
    if (this.#transaction !== undefined) return false;
    const letter = (typeof name === "string" ? name.charCodeAt(0) : (name[0] ?? 0)) | 32;
    return letter !== 98 /* b */ && letter !== 109 /* m */ && letter !== 120 /* x */;
  }

  #beginTransaction(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const transaction = { ended, end };
    this.#transaction = transaction;
    const reply = this.#send(args, options);
    reply.catch(() => {
      if (this.#transaction === transaction) this.#endTransaction();
    });
    return reply;
  }

  #sendInTransaction(args: readonly RedisArgument[], options?: object): Promise<unknown> {
    const reply = this.#send(args, options);
    const name = args[0];
    if (
      name !== undefined &&
      (isCalled(name, "EXEC") || isCalled(name, "DISCARD") || isCalled(name, "RESET"))
    ) {
      this.#endTransaction();
      // The login that waited has waited long enough: no place in the spread for it.
      void this.#schedule.loginIfDue();
    }
    return reply;
  }

  #endTransaction(): void {
    this.#transaction?.end();
    this.#transaction = undefined;
  }

  /**
   * Blocks in slices that end when the next login is due: Redis itself answers each slice, so no element can
   * get lost between them, and the caller sees one command.
   */
  async #block(args: readonly RedisArgument[], command: BlockingCommand, options?: object): Promise<unknown> {
    const { clock } = this.#schedule;
    const endMs = clock.now() + command.timeoutMs;
    if (endMs <= this.#schedule.blockUntilMs()) return this.#send(args, options);
    const concrete = await this.#resolveNewEntries(args, command, options);
    for (;;) {
      const nowMs = clock.now();
      const sliceMs = Math.max(SHORTEST_SLICE_MS, this.#schedule.blockUntilMs() - nowMs);
      const isLast = endMs - nowMs <= sliceMs;
      const reply = await this.#send(
        withTimeout(concrete, command, isLast ? endMs - nowMs : sliceMs),
        options,
      );
      if (reply !== null || isLast) return reply;
      await this.#schedule.loginIfDue();
    }
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
      const newest = (await this.#send(["XREVRANGE", key, "+", "-", "COUNT", "1"], options)) as [
        RedisArgument,
      ][];
      resolved = resolved.with(idIndex, newest[0]?.[0] ?? "0-0");
    }
    return resolved;
  }
}

function isCalled(name: RedisArgument, word: string): boolean {
  return name.length === word.length && String(name).toUpperCase() === word;
}
