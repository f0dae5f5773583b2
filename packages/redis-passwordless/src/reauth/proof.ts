import type { Clock } from "../core/clock.js";
import type { Token } from "../core/token.js";
import { trialTimeoutMs } from "./spread.js";

/** Tries a token at the server on a connection of its own; rejects when the server refused it or cannot be asked. */
export type Prove = (token: Token, signal: AbortSignal) => Promise<void>;

/** Tries tokens where nothing is outstanding. Whoever needs the verdict on one token shares one try. */
export class Proof {
  readonly #prove: Prove;
  readonly #clock: Clock;
  readonly #running = new Map<Token, { readonly verdict: Promise<void>; readonly abort: AbortController }>();

  constructor(prove: Prove, clock: Clock) {
    this.#prove = prove;
    this.#clock = clock;
  }

  /**
   * Resolves when the server has accepted the token.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_AUTH_REFUSED`, `ERR_PASSWORDLESS_CONNECTION_FAILED`
   */
  of(token: Token): Promise<void> {
    const running = this.#running.get(token);
    if (running !== undefined) return running.verdict;
    const abort = new AbortController();
    const verdict = this.#ask(token, abort).finally(() => this.#running.delete(token));
    this.#running.set(token, { verdict, abort });
    return verdict;
  }

  /** Breaks off every try that is under way. */
  cancel(): void {
    for (const { abort } of this.#running.values())
      abort.abort(new Error("nobody needs the verdict any more"));
  }

  /** Settles in time even when the try itself does not watch its signal. */
  async #ask(token: Token, abort: AbortController): Promise<void> {
    const timeoutMs = trialTimeoutMs(token);
    const timer = this.#clock.schedule(
      () => abort.abort(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
      timeoutMs,
    );
    const aborted = new Promise<never>((_, reject) => {
      abort.signal.addEventListener("abort", () => reject(abort.signal.reason), { once: true });
    });
    try {
      await Promise.race([this.#prove(token, abort.signal), aborted]);
    } finally {
      timer[Symbol.dispose]();
    }
  }
}
