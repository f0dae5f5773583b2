import type { PasswordlessError } from "../../core/errors.js";

/** Who has sent commands on a shared connection, and gets their replies in the same order. */
export interface Recipient {
  /**
   * Takes bytes of its replies: as many as `ended` of them end here, and with none the bytes are a piece of one.
   *
   * @returns something to wait for, where it can keep no more for now: nobody is served on the connection until then
   */
  receive(bytes: Buffer, ended: number): Promise<void> | undefined;
  /** The connection has ended before these replies came. */
  lost(loss: Loss): void;
  /** Others have waited long enough for it: it must end. What still comes for it is thrown away. */
  giveUp(): void;
}

/** Replies that will not come. */
export interface Loss {
  readonly replies: number;
  /** Whether the server may have executed the commands; `false` when they have not been sent. */
  readonly mayHaveRun: boolean;
  /** Whether a part of the first reply has been handed over already. */
  readonly isTorn: boolean;
  readonly error: PasswordlessError;
}
