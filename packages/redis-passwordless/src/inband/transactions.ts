/**
 * What is known of a transaction that the application writes by hand, command by command. `ending`: EXEC or DISCARD
 * is written, and its reply has not been seen.
 */
export type TransactionState = "none" | "open" | "ending";

/** Follows `MULTI … EXEC` in what a client sends. */
export class Transactions {
  #state: TransactionState = "none";
  /** Set while it is not known whether what was written has ended it. */
  #question: symbol | undefined;
  /** The last transaction that has begun. */
  #begun: symbol | undefined;
  #waiting: (() => void)[] = [];

  get state(): TransactionState {
    return this.#state;
  }

  /** Whether the server queues commands now, as far as is known. */
  get isOpen(): boolean {
    return this.#state === "open" || this.#question !== undefined;
  }

  /**
   * MULTI is about to be written.
   *
   * @returns to be called when Redis has refused it: nothing has begun
   */
  begin(): () => void {
    const begun = Symbol();
    this.#begun = begun;
    this.#question = undefined;
    this.#state = "open";
    return () => {
      // Another one may have begun since.
      if (this.#begun === begun) this.abandon();
    };
  }

  /** EXEC or DISCARD is about to be written; {@link release} follows when it has been. */
  end(): void {
    if (this.isOpen) this.#state = "ending";
    this.#question = undefined;
  }

  /**
   * What Redis may refuse, and go on with the transaction, is about to be written: a DISCARD, or an EXEC with arguments.
   *
   * @returns to be told whether the transaction has ended
   */
  mayEnd(): (hasEnded: boolean) => void {
    const question = Symbol();
    this.#question = question;
    this.#state = "ending";
    return (hasEnded) => {
      // Something else has begun or ended it.
      if (this.#question !== question) return;
      this.#question = undefined;
      this.#state = hasEnded ? "none" : "open";
      if (hasEnded) this.release();
    };
  }

  /** Its reply is here. */
  confirm(): undefined {
    if (this.#state === "ending" && this.#question === undefined) this.#state = "none";
  }

  /** Nobody will end it: the connection is gone. */
  abandon(): void {
    this.#question = undefined;
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
