import { parseCommand } from "resp-framing";
import type { OwnCommands } from "./own-commands.js";
import { type Plan, SEND } from "./plan.js";
import type { Transactions } from "./transactions.js";

/** What is done with the commands that begin and end a transaction. */
export class TransactionPlans {
  readonly #own: OwnCommands;
  readonly #transactions: Transactions;

  constructor(own: OwnCommands, transactions: Transactions) {
    this.#own = own;
    this.#transactions = transactions;
  }

  /**
   * A MULTI that Redis refuses begins nothing: one with arguments, one within a transaction, one that the user may not
   * send. What comes in one write with others is a pipeline, and ends there.
   */
  begin(command: Buffer, isLast: boolean): Plan {
    if (this.#transactions.state === "open" || !isAlone(command)) return SEND;
    const wasOpen = this.#transactions.isOpen;
    const refused = this.#transactions.begin();
    if (wasOpen || !isLast) return SEND;
    const onReply = (frame: Buffer): Buffer => {
      if (frame[0] === ERROR) refused();
      return frame;
    };
    return { kind: "look", onReply };
  }

  /**
   * A DISCARD that Redis refuses, for its arguments or for want of a permission, ends nothing: what we sent behind it
   * would be queued. An EXEC that is refused ends the transaction, but with arguments not on every server.
   */
  end(name: "EXEC" | "DISCARD", command: Buffer): Plan {
    const isSure = name === "EXEC" && isAlone(command);
    return isSure || !this.#own.isPossibleAnywhere ? this.#end() : this.#endPerhaps();
  }

  /** A command whose reply cannot be looked at: what it changes is taken as done. */
  unseen(name: string): void {
    if (name === "MULTI") this.#transactions.begin();
    if (name !== "EXEC" && name !== "DISCARD") return;
    this.#transactions.end();
    this.#transactions.confirm();
    this.#transactions.release();
  }

  #end(): Plan {
    this.#transactions.end();
    const run = (hasBegunHere: boolean): void => {
      // A transaction in one write is a pipeline, which the client itself keeps together.
      if (hasBegunHere) this.#transactions.confirm();
      else void this.#own.mark(() => this.#transactions.confirm());
      this.#transactions.release();
    };
    return { kind: "then", run };
  }

  #endPerhaps(): Plan {
    const answer = this.#transactions.mayEnd();
    return { kind: "then", run: () => this.#own.askWhetherQueued((isQueued) => answer(!isQueued)) };
  }
}

function isAlone(command: Buffer): boolean {
  return parseCommand(command).length === 1;
}

const ERROR = 45;
