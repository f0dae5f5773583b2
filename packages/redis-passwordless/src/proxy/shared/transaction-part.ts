/** What a command is in a transaction that may be sent on a connection of everybody's, in one piece. */
export type TransactionPart =
  | "inside"
  /** With it the transaction is over, whatever the server says. */
  | "end"
  /** The transaction needs a connection of its own. */
  | "apart";

const APART: ReadonlySet<string> = new Set(["UNWATCH", "SELECT"]);

/**
 * Tells what a command is in such a transaction.
 *
 * Redis ends a transaction with EXEC even where it refuses to execute it, for want of a permission or of memory
 * (server.c, `rejectCommand`). A DISCARD that it refuses ends nothing, and neither, on some servers, does an EXEC with
 * arguments: on a connection of everybody's, the commands of everybody would be queued from there on.
 *
 * @param name in capitals
 * @param count the elements of the command, its name included
 */
export function transactionPart(name: string, count: number): TransactionPart {
  if (name === "EXEC") return count === 1 ? "end" : "apart";
  return name === "DISCARD" || APART.has(name) ? "apart" : "inside";
}
