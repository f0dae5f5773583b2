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

  /** EXEC or DISCARD has been written. */
  end(): void {
    if (this.#state === "open") this.#state = "ending";
    this.#release();
  }

  /** Its reply is here. */
  confirm(): void {
    if (this.#state === "ending") this.#state = "none";
  }

  /** Nobody will end it: the connection is gone. */
  abandon(): void {
    this.#state = "none";
    this.#release();
  }

  /** Resolves when no transaction is open. */
  over(): Promise<void> {
    if (!this.isOpen) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
