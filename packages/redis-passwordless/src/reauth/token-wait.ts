import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import type { Reauthenticator } from "./reauthenticator.js";

/** How long one attempt to connect waits for a token at most, in milliseconds; then the client tries again. */
const LONGEST_WAIT_MS = 10_000;

/**
 * Resolves with the token to log in with, but does not wait for ever: the client's own retries go on, and somebody
 * hears that there is no token.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_TOKEN_WAIT_TIMEOUT`, and what {@link Reauthenticator.tokenForLogin} throws
 * @throws the signal's reason
 */
export async function waitForToken(
  reauthenticator: Reauthenticator,
  label: string,
  signal?: AbortSignal,
): Promise<Token> {
  signal?.throwIfAborted();
  const { clock } = reauthenticator;
  const patience = new AbortController();
  const timer = clock.schedule(() => patience.abort(tokenWaitError(label, LONGEST_WAIT_MS)), LONGEST_WAIT_MS);
  const onAbort = (): void => patience.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await reauthenticator.tokenForLogin({ signal: patience.signal });
  } catch (error) {
    throw patience.signal.aborted ? patience.signal.reason : error;
  } finally {
    timer[Symbol.dispose]();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** The error for an attempt to connect that has waited too long for a token. */
export function tokenWaitError(label: string, waitedMs: number): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_TOKEN_WAIT_TIMEOUT", {
    message: `The connection to ${label} has waited ${Math.round(waitedMs / 1000)} s for a token and is opened anew.`,
    remedy:
      "Nothing to do when this ends by itself; otherwise the events of the identity say why no token comes.",
    retryable: true,
  });
}

/** Whether trying again cannot help until somebody repairs something. */
export function isPermanent(error: unknown): boolean {
  return PasswordlessError.is(error) && !error.retryable;
}
