import type { Recipient } from "./recipient.js";

/** A command of our own among those of others: gets whole frames until it has had enough. */
export interface OwnCommand {
  /** @returns whether this was the last frame for it */
  onFrame(frame: Buffer): boolean;
  lost(): void;
}

/** Replies that come one after the other and belong to one. */
export interface Run {
  readonly recipient: Recipient | undefined;
  readonly own: OwnCommand | undefined;
  /** What stands here without the server having been asked. */
  readonly local: Buffer | undefined;
  /** Replies that are still to come. */
  left: number;
}

/** Whose replies come next on a connection, in their order. */
export class ReplyLine {
  #runs: (Run | undefined)[] = [];
  #head = 0;
  /** Where what has not been sent begins. */
  #unsent = 0;
  /** Replies that have been asked for and have not come. */
  outstanding = 0;

  get first(): Run | undefined {
    return this.#runs[this.#head];
  }

  /** Whether nobody waits for anything that has been sent. */
  get isQuiet(): boolean {
    return this.#head === this.#unsent;
  }

  add(run: Run): void {
    this.outstanding += run.left;
    const last = this.#runs.at(-1);
    const mayJoin = this.#runs.length > this.#unsent && run.own === undefined && run.local === undefined;
    if (mayJoin && last !== undefined && last.recipient === run.recipient && last.local === undefined) {
      last.left += run.left;
    } else this.#runs.push(run);
  }

  /** Puts one in front of everything that has not been sent; it is sent now. */
  addAhead(run: Run): void {
    this.outstanding += run.left;
    this.#runs.splice(this.#unsent, 0, run);
    this.#unsent += 1;
  }

  /** Everything so far has been sent. */
  sent(): void {
    this.#unsent = this.#runs.length;
  }

  /** So many replies have come for the first. */
  ended(replies: number): void {
    const run = this.first;
    if (run === undefined) return;
    run.left -= replies;
    this.outstanding -= replies;
    if (run.left <= 0) this.#shift();
  }

  #shift(): void {
    this.#runs[this.#head] = undefined;
    this.#head += 1;
    if (this.#unsent < this.#head) this.#unsent = this.#head;
    if (this.#head === this.#runs.length || this.#head > 4_096) {
      this.#runs.splice(0, this.#head);
      this.#unsent -= this.#head;
      this.#head = 0;
    }
  }

  /** Empties it: returns what was in it, with whether it had been sent. */
  clear(): { readonly run: Run; readonly isSent: boolean }[] {
    const rest = this.#runs.flatMap((run, index) =>
      run === undefined ? [] : [{ run, isSent: index < this.#unsent }],
    );
    this.#runs = [];
    this.#head = 0;
    this.#unsent = 0;
    this.outstanding = 0;
    return rest;
  }
}
