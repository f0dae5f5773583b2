/**
 * What is known of a transaction that the application writes by hand, command by command. `ending`: EXEC or DISCARD
 * is written, and its reply has not been seen.
 */
export type TransactionState = "none" | "open" | "ending";

/** Follows `MULTI … EXEC` in what a client sends. */
export class Transactions {
  #state: TransactionState = "none";
  #waiting: (() => void)[] = [];

  get state(): TransactionState {
    return this.#state;
  }

  /** Whether the server queues commands now. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  begin(): void {
    this.#state = "open";
  }

  /** EXEC or DISCARD is about to be written; {@link release} follows when it has been. */
  end(): void {
    if (this.#state === "open") this.#state = "ending";
  }

  /** Its reply is here. */
  confirm(): undefined {
    if (this.#state === "ending") this.#state = "none";
  }

  /** Nobody will end it: the connection is gone. */
  abandon(): void {
    this.#state = "none";
    this.release();
  }

  /** Calls back when no transaction is open, before anything else can be written. */
  whenOver(callback: () => void): void {
    if (this.isOpen) this.#waiting.push(callback);
    else callback();
  }

  release(): void {
    for (const callback of this.#waiting.splice(0)) callback();
  }
}
