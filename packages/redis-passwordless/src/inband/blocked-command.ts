import { encodeCommand } from "resp-framing";
import type { Clock } from "../core/clock.js";
import { type BlockingCommand, type RedisArgument, withTimeout } from "./blocking-command.js";

/** What a blocked command needs of its connection. */
export interface BlockableConnection {
  /** Until when a command may block without holding up the next login, in epoch milliseconds. */
  blockUntilMs(): number;
  /** Logs in now if a newer token is there; resolves when that is settled. */
  loginIfDue(): Promise<void>;
  /** Sends a command and shows its reply to `onReply`; resolves with `false` when the connection ends first. */
  ask(request: Buffer, onReply: (frame: Buffer) => Buffer | undefined): Promise<boolean>;
}

/** Shorter slices would only keep the server busy, in milliseconds. */
const SHORTEST_SLICE_MS = 50;

/** A slice of the server's may seem this much shorter here, in milliseconds, because clocks are read in whole ones. */
const UNBLOCK_TOLERANCE_MS = 5;

/**
 * A command that blocks longer than the next login can wait, sent in slices: Redis itself answers each of them, so
 * nothing can get lost in between, and the client sees one command and one reply.
 */
export class BlockedCommand {
  readonly #args: readonly RedisArgument[];
  readonly #command: BlockingCommand;
  readonly #clock: Clock;
  readonly #connection: BlockableConnection;

  constructor(
    args: readonly RedisArgument[],
    command: BlockingCommand,
    clock: Clock,
    connection: BlockableConnection,
  ) {
    this.#args = args;
    this.#command = command;
    this.#clock = clock;
    this.#connection = connection;
  }

  /** Whether it ends before the next login is due: then it is sent as it is. */
  get fits(): boolean {
    return this.#command.timeoutMs <= this.#longestSliceMs();
  }

  /** Resolves when the client has its reply, or the connection has ended. */
  async run(): Promise<void> {
    const args = await this.#resolveNewEntries();
    if (args === undefined) await this.#connection.ask(encodeCommand(this.#args), (frame) => frame);
    else await this.#runInSlices(args);
  }

  async #runInSlices(args: readonly RedisArgument[]): Promise<void> {
    for (let remainingMs = this.#command.timeoutMs; remainingMs > 0; ) {
      const sliceMs = Math.min(remainingMs, this.#longestSliceMs());
      remainingMs -= sliceMs;
      const isLast = remainingMs <= 0;
      const startMs = this.#clock.now();
      let isTimeout = false;
      const slice = encodeCommand(withTimeout(args, this.#command, sliceMs));
      const isAnswered = await this.#connection.ask(slice, (frame) => {
        // Null before the time is up comes from a CLIENT UNBLOCK, and is for the client.
        const isEarly = this.#clock.now() - startMs < sliceMs - UNBLOCK_TOLERANCE_MS;
        isTimeout = !isLast && !isEarly && isNull(frame);
        return isTimeout ? undefined : frame;
      });
      if (!isAnswered || !isTimeout) return;
      await this.#connection.loginIfDue();
    }
  }

  #longestSliceMs(): number {
    return Math.max(SHORTEST_SLICE_MS, this.#connection.blockUntilMs() - this.#clock.now());
  }

  /**
   * `$` means "what comes after this command was sent", so a second slice must not say it again: what came in
   * between would be skipped. It is replaced by the id of the newest entry; `undefined` when that may not be read.
   */
  async #resolveNewEntries(): Promise<readonly RedisArgument[] | undefined> {
    let resolved: readonly RedisArgument[] | undefined = this.#args;
    for (const { idIndex, keyIndex } of this.#command.newEntriesOnly) {
      const key = this.#args[keyIndex] ?? "";
      let newest: string | undefined;
      await this.#connection.ask(encodeCommand(["XREVRANGE", key, "+", "-", "COUNT", "1"]), (frame) => {
        newest = newestIdOf(frame);
        return undefined;
      });
      resolved = newest === undefined ? undefined : resolved?.with(idIndex, newest);
    }
    return resolved;
  }
}

/** Null in RESP2 or RESP3: what every blocking command answers when its time is up. */
function isNull(frame: Buffer): boolean {
  const text = frame.toString("latin1", 0, 6);
  return text.startsWith("*-1\r\n") || text.startsWith("$-1\r\n") || text.startsWith("_\r\n");
}

/** The id in an answer to `XREVRANGE … COUNT 1`; `0-0` for an empty stream, `undefined` for an error. */
function newestIdOf(frame: Buffer): string | undefined {
  const text = frame.toString("latin1", 0, 80);
  if (text.startsWith("*0\r\n")) return "0-0";
  return /^\*1\r\n\*2\r\n\$\d+\r\n(\d+-\d+)\r\n/.exec(text)?.[1];
}
