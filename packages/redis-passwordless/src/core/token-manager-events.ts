import type { Token } from "./token.js";

export interface TokenManagerEvents {
  /** A new token has arrived. */
  tokenRefreshed: { readonly token: Token };
  /** A request for a token failed; the next one is already planned. */
  refreshFailing: RefreshFailure;
  /** A token has arrived after one or more failures. */
  recovered: { readonly token: Token; readonly failures: number; readonly outageMs: number };
  /** The token ended before its successor arrived: logins have to wait from here on. */
  tokenExpired: { readonly username: string; readonly expiredAtMs: number };
}

export interface RefreshFailure {
  readonly error: unknown;
  /** Failures in a row, this one included. */
  readonly attempt: number;
  /** Whether this is a permanent refusal, or `retry.maxAttempts` failures in a row. */
  readonly lasting: boolean;
  /** When the next request is due, in epoch milliseconds. */
  readonly nextAttemptAtMs: number;
  /** Until when the current token still works, in epoch milliseconds; absent when there is no valid one. */
  readonly expiresAtMs?: number;
}

/** Receives every new token. */
export type TokenSubscriber = (token: Token) => void;

export interface GetTokenOptions {
  /** Ends the wait of this caller; the request itself goes on for the others. */
  readonly signal?: AbortSignal;
}

/** What the manager is doing, for health checks and messages. */
export interface TokenManagerStatus {
  readonly state: TokenManagerState;
  readonly token?: Token;
  readonly failures: number;
  readonly lastError?: unknown;
  /** How far the provider's clock is ahead of ours, in milliseconds; absent when it does not tell. */
  readonly clockSkewMs?: number;
}

/** See the states in `token-manager.ts`. */
export type TokenManagerState =
  | "idle"
  | "requesting"
  | "fresh"
  | "refreshing"
  | "stale"
  | "expired"
  | "refused"
  | "closed";
