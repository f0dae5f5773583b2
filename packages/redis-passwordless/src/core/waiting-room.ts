import { PasswordlessError } from "./errors.js";
import type { Token } from "./token.js";

interface Waiter {
  failuresLeft: number;
  resolve(token: Token): void;
  reject(error: unknown): void;
}

/** Everybody who waits for the next token. Each of them settles: with a token, an error, or by its signal. */
export class WaitingRoom {
  readonly #waiters = new Set<Waiter>();

  get size(): number {
    return this.#waiters.size;
  }

  /** Waits for the next token, but no longer than `patience` failed requests. */
  enter(patience: number, signal?: AbortSignal): Promise<Token> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiters.delete(waiter);
        signal?.removeEventListener("abort", onAbort);
      };
      const onAbort = (): void => waiter.reject(abortedError(signal?.reason));
      const waiter: Waiter = {
        failuresLeft: patience,
        resolve: (token) => {
          leave();
          resolve(token);
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  resolveAll(token: Token): void {
    for (const waiter of this.#waiters) waiter.resolve(token);
  }

  rejectAll(error: unknown): void {
    for (const waiter of this.#waiters) waiter.reject(error);
  }

  /** One more request has failed: those whose patience ends hear why. */
  countFailure(error: unknown): void {
    for (const waiter of this.#waiters) {
      waiter.failuresLeft -= 1;
      if (waiter.failuresLeft <= 0) waiter.reject(error);
    }
  }
}

export function abortedError(reason: unknown): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_ABORTED", {
    message: "The wait for a token was aborted by its signal.",
    remedy: "Nothing to mend if the abort was meant; otherwise give the wait more time.",
    cause: reason,
  });
}
