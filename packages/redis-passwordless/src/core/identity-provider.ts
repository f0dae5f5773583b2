import type { PasswordlessErrorInit } from "./errors.js";
import type { TokenResponse } from "./token.js";

export interface TokenRequest {
  /** Aborted when nobody wants the answer any more or the request takes longer than `requestTimeoutMs`. */
  readonly signal: AbortSignal;
}

/**
 * What the token manager asks for tokens: one identity for one scope.
 *
 * A rejection with a `PasswordlessError` is believed: `retryable: false` ends the wait of everybody at once,
 * `retryAfterMs` is honoured. Any other rejection counts as transient.
 */
export interface IdentityProvider {
  /** For humans, without secrets: `managed identity with client ID 1111…`. */
  readonly description: string;
  requestToken(request: TokenRequest): Promise<TokenResponse>;
  /**
   * What it means when a request gets no answer in time, for the error that says so.
   * @default in general words
   */
  readonly whenSilent?: Pick<PasswordlessErrorInit, "rule" | "remedy" | "details"> | undefined;
}
