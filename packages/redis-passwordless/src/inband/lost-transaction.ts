import { CommandScanner } from "resp-framing";
import type { TransactionState } from "./transactions.js";

/** What is done with a command of the client after its connection was replaced in the middle of a transaction. */
export type Judgement = "refuse" | "refuseLast" | "over" | "lookAhead";

/**
 * A hand-written transaction whose connection is gone. The server has discarded what it had queued; a client that
 * reconnects by itself would send the rest outside any transaction. It is refused instead, up to its EXEC.
 */
export class LostTransaction {
  /** What the application gets for each of its commands: the code that EXEC has for a discarded transaction. */
  readonly answer: Buffer = Buffer.from(
    "-EXECABORT Transaction discarded because its connection was lost: nothing of it was applied unless EXEC had been sent, begin it again\r\n",
  );
  #state: "open" | "ending" | "over";

  constructor(state: Exclude<TransactionState, "none">) {
    this.#state = state;
  }

  /** The same for whoever has to go on with it. */
  get state(): TransactionState {
    return this.#state === "over" ? "none" : this.#state;
  }

  judge(name: string): Judgement {
    if (this.#state === "over" || name === "MULTI" || name === "RESET") return "over";
    // Whether EXEC was answered is not known: if it was not, the client sends it again.
    if (this.#state === "ending") return "lookAhead";
    return ENDS.has(name) ? "refuseLast" : "refuse";
  }

  /** Decides by what the client sends again at once: without an EXEC, the transaction had been answered. */
  lookAhead(chunks: readonly Buffer[]): void {
    const scanner = new CommandScanner({ watch: ["EXEC", "DISCARD", "MULTI"] });
    this.#state = "over";
    for (const chunk of chunks) {
      const end = scanner.scan(chunk);
      if (scanner.watched === undefined && end === chunk.length) continue;
      if (scanner.watched !== "MULTI") this.#state = "open";
      return;
    }
  }
}

const ENDS: ReadonlySet<string> = new Set(["EXEC", "DISCARD"]);
