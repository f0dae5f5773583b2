import { CommandScanner, RespError } from "resp-framing";
import type { Link } from "./link.js";
import type { OwnCommands } from "./own-commands.js";
import type { Plan } from "./plan.js";

/** Decides what is done with each command. */
export interface CommandPlanner {
  /** Whether it wants to see every command now, not only those that are watched. */
  readonly looksAtEach: boolean;
  /** @param isLast whether nothing stands behind it in the same write */
  plan(name: string, command: Buffer, isLast: boolean): Plan;
  /** What the client has written has been dealt with, as far as it goes now. */
  dealtWith(): void;
}

/**
 * A command that has to be looked at is kept until it has arrived in full, but not beyond this many bytes: what Redis
 * takes as the longest argument (`proto-max-bulk-len`).
 */
const MOST_KEPT_BYTES = 536_870_912;

/** Follows the commands of a client on their way to the server: most pass as they come, some have to wait. */
export class CommandFlow {
  readonly #link: Link;
  readonly #own: OwnCommands;
  readonly #planner: CommandPlanner;
  readonly #commands: CommandScanner;
  readonly #send: (bytes: Buffer) => boolean;
  /** What the client has written while something had to come first. */
  #held: Buffer[] | undefined;
  /** A command that has not arrived in full, as far as it has. */
  #undecided: Buffer[] = [];
  #undecidedBytes = 0;
  /** Whether the scan that was last has reached the end of a command. */
  #hasEnded = false;
  /** Whether commands are looked at; afterwards everything passes. */
  isFollowed: boolean;

  constructor(
    link: Link,
    own: OwnCommands,
    planner: CommandPlanner,
    watch: readonly string[],
    send: (bytes: Buffer) => boolean,
  ) {
    this.#link = link;
    this.#own = own;
    this.#planner = planner;
    this.#commands = new CommandScanner({ watch });
    this.#send = send;
    this.isFollowed = own.isPossible;
  }

  /** Whether no command has begun that has not ended, and none waits. */
  get isBetweenCommands(): boolean {
    return this.#held === undefined && this.#commands.atBoundary;
  }

  /** Whether the server has the beginning of a command and not its end: anything sent now would become a part of it. */
  get isMidCommand(): boolean {
    return this.isFollowed && this.#undecided.length === 0 && !this.#commands.atBoundary;
  }

  /** Commands that have come so far. */
  get commands(): number {
    return this.#commands.commands;
  }

  /** What waits behind the command that is being dealt with. */
  get waiting(): readonly Buffer[] {
    return this.#held ?? [];
  }

  /** Puts a command in front of what waits. */
  putFirst(command: Buffer): void {
    this.#held?.unshift(command);
  }

  passTogether(bytes: Buffer): boolean {
    if (this.#held !== undefined || !this.isFollowed || this.#planner.looksAtEach) return false;
    if (!this.#commands.skip(bytes)) return false;
    this.#send(bytes);
    this.#planner.dealtWith();
    return true;
  }

  take(bytes: Buffer): boolean {
    if (this.#held === undefined) {
      const mayGoOn = this.#forward(bytes);
      this.#planner.dealtWith();
      return mayGoOn;
    }
    this.#held.push(Buffer.from(bytes));
    return true;
  }

  /** The connection has ended. */
  close(): void {
    this.#held = undefined;
  }

  /** Sends commands on, up to one that something has to come before; the rest is held until then. */
  #forward(chunk: Buffer): boolean {
    const scanner = this.#commands;
    const base = scanner.position - this.#undecidedBytes;
    let bytes = chunk;
    let offset = 0;
    /** Where the command ends that had begun before, or how far it goes. */
    let first: number | undefined;
    if (this.#undecided.length > 0) {
      first = this.#undecidedBytes + this.#scan(chunk, 0, 1);
      if (this.#isUndecided) return this.#keep(chunk);
      // Only now, once: a long command comes in many chunks.
      bytes = Buffer.concat([...this.#undecided, chunk]);
      this.#undecided = [];
      this.#undecidedBytes = 0;
    }
    let sent = 0;
    let hasBegunHere = false;
    while (this.isFollowed && offset < bytes.length) {
      const { looksAtEach } = this.#planner;
      offset = first ?? this.#scan(bytes, offset, looksAtEach ? 1 : Number.POSITIVE_INFINITY);
      first = undefined;
      if (!this.isFollowed) break;
      const isOne = looksAtEach && scanner.atBoundary && this.#hasEnded;
      const name = scanner.watched ?? (isOne ? scanner.name : undefined);
      const start = scanner.commandStart - base;
      if (name === undefined || start < 0) continue;
      const plan = this.#plan(name, Buffer.from(bytes.subarray(start, offset)), offset === bytes.length);
      if (plan === undefined) break;
      if (name === "MULTI") hasBegunHere = true;
      if (plan.kind === "send") continue;
      this.#send(bytes.subarray(sent, plan.kind === "then" ? offset : start));
      // What is looked at is sent with what follows.
      sent = plan.kind === "look" ? start : offset;
      switch (plan.kind) {
        case "then":
          plan.run(hasBegunHere);
          break;
        case "answer":
          void this.#own.mark(plan.reply);
          break;
        case "look":
          this.#own.lookAtNext(plan.onReply);
          break;
        case "first":
          this.#holdWhile(plan.run, bytes.subarray(offset));
          return true;
        case "drop":
          break;
      }
    }
    return this.#send(this.#keepUndecided(bytes.subarray(sent), base + sent));
  }

  #scan(bytes: Buffer, offset: number, maxCommands: number): number {
    const scanner = this.#commands;
    const before = scanner.commands;
    try {
      return scanner.scan(bytes, offset, maxCommands);
    } catch {
      // These are no commands: whoever speaks something else on this socket is left alone from here on.
      this.isFollowed = false;
      return offset;
    } finally {
      this.#hasEnded = scanner.commands > before;
    }
  }

  #plan(name: string, command: Buffer, isLast: boolean): Plan | undefined {
    try {
      return this.#planner.plan(name, command, isLast);
    } catch (error) {
      if (!(error instanceof RespError)) throw error;
      // A line whose quotes are not balanced: Redis says so, and closes.
      this.isFollowed = false;
      return undefined;
    }
  }

  /** Whether a command has begun that has not arrived in full and may need attention. */
  get #isUndecided(): boolean {
    const scanner = this.#commands;
    if (!this.isFollowed || scanner.atBoundary) return false;
    return scanner.mayBeWatched || this.#planner.looksAtEach;
  }

  /**
   * Keeps back a command that is undecided, and returns what comes before it.
   *
   * @param from where `bytes` begins in the stream
   */
  #keepUndecided(bytes: Buffer, from: number): Buffer {
    if (!this.#isUndecided) return bytes;
    const start = this.#commands.commandStart - from;
    // Its beginning is with the server already.
    if (start < 0) return bytes;
    this.#keep(bytes.subarray(start));
    return bytes.subarray(0, start);
  }

  #keep(part: Buffer): boolean {
    this.#undecided.push(Buffer.from(part));
    this.#undecidedBytes += part.length;
    if (this.#undecidedBytes > MOST_KEPT_BYTES) {
      this.#undecided = [];
      this.#undecidedBytes = 0;
      this.isFollowed = false;
      this.#link.fail(new Error(`A command of more than ${MOST_KEPT_BYTES} bytes`));
    }
    return true;
  }

  #holdWhile(first: () => Promise<void>, rest: Buffer): void {
    this.#held = rest.length > 0 ? [Buffer.from(rest)] : [];
    this.#link.hold?.(true);
    void first().finally(() => {
      const held = this.#held ?? [];
      this.#held = undefined;
      if (this.#link.isWritable) for (const bytes of held) this.take(bytes);
      if (this.#held === undefined) this.#link.hold?.(false);
    });
  }
}
