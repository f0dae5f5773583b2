import { encodeCommand } from "resp-framing";
import { type BlockedCommands, blockedCommands, blockedName, type Product } from "./blocked-commands.js";
import { acrossSlots, CROSS_SLOT_COMMANDS, CROSS_SLOT_RULE } from "./cross-slot.js";
import { UnknownNames } from "./unknown-name.js";

/** Which cache the gateway looks like, beyond logins. */
export interface Imitation {
  readonly product: Product;
  /** The Enterprise clustering policy of Azure Managed Redis: one endpoint, as if there were no cluster behind it. */
  readonly isEnterprisePolicy: boolean;
}

/** What every user's permissions need for an imitation, besides the user's own policy. */
export function imitationAclRules({ isEnterprisePolicy }: Imitation): readonly string[] {
  return isEnterprisePolicy ? [CROSS_SLOT_RULE] : [];
}

/** What becomes of the commands of one connection that the imitated cache treats in another way than the server. */
export class CommandRules {
  /** The commands that {@link rewrite} wants to see. */
  readonly watch: readonly string[];
  readonly #blocked: BlockedCommands;
  readonly #isEnterprisePolicy: boolean;
  readonly #unknownNames = new UnknownNames();
  /** Between MULTI and EXEC, as far as the commands tell: whether the server took MULTI is not waited for. */
  #isInTransaction = false;

  constructor({ product, isEnterprisePolicy }: Imitation) {
    this.#blocked = blockedCommands(product, isEnterprisePolicy);
    this.#isEnterprisePolicy = isEnterprisePolicy;
    const others = isEnterprisePolicy ? ["MULTI", "EXEC", "DISCARD", ...CROSS_SLOT_COMMANDS] : [];
    this.watch = [...this.#blocked.keys(), ...others];
  }

  /**
   * Takes the next watched command, by its name in capitals and its arguments. Returns what to send in its place, a
   * command with one reply, or `undefined` to leave it as it is.
   */
  rewrite(name: string, args: readonly Buffer[]): Buffer | undefined {
    const index = blockedName(this.#blocked, name, args);
    if (index !== undefined) {
      // The server refuses it: so the reply is its own, in its place, and a transaction is aborted.
      return encodeCommand(args.map((arg, at) => (at === index ? this.#unknownNames.mark(arg) : arg)));
    }
    if (!this.#isEnterprisePolicy) return undefined;
    if (name === "MULTI") {
      if (args.length === 1) this.#isInTransaction = true;
    } else if (name === "EXEC" || name === "DISCARD") {
      if (args.length === 1) this.#isInTransaction = false;
    } else if (!this.#isInTransaction) {
      // All of a transaction has to be in one slot, also for these: the server says CROSSSLOT, and aborts it.
      return acrossSlots(name, args);
    }
    return undefined;
  }

  /** What of the server's bytes goes to the client now. */
  restore(chunk: Buffer): Buffer {
    return this.#unknownNames.restore(chunk);
  }

  /** What is left of them when the server has ended. */
  rest(): Buffer {
    return this.#unknownNames.rest();
  }
}
