import { inspect } from "node:util";

/** What an identity provider answers: a bearer string, whose it is, and how long it lasts. */
export interface TokenResponse {
  /** The access token itself. */
  readonly token: string;
  /** The Redis user name that this token logs in; for Entra ID the object ID (`oid`) of the identity. */
  readonly username: string;
  /** End of life in epoch milliseconds, by the provider's clock. */
  readonly expiresAtMs: number;
  /** When the provider suggests to ask for the next token, in epoch milliseconds (`refresh_in`). */
  readonly refreshAtMs?: number;
  /** The provider's clock when it answered, in epoch milliseconds (HTTP `Date`); used to measure clock skew. */
  readonly serverTimeMs?: number;
  /** Facts that are safe to print: audience, tenant, kind of identity. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** What may be known of a token: everything but the bearer string. */
export interface TokenFacts {
  readonly username: string;
  /** When it was received, in epoch milliseconds by our clock. */
  readonly receivedAtMs: number;
  /** End of life in epoch milliseconds by our clock (corrected for clock skew). */
  readonly expiresAtMs: number;
  /** When the provider suggests to ask for the next token, in epoch milliseconds. */
  readonly refreshAtMs: number | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>>;
}

/**
 * An access token in our hands. The bearer string is private: neither `util.inspect` nor JSON can see it.
 * Everything else may be logged.
 */
export class Token implements TokenFacts {
  readonly #value: string;
  readonly username: string;
  readonly receivedAtMs: number;
  readonly expiresAtMs: number;
  readonly refreshAtMs: number | undefined;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(value: string, facts: TokenFacts) {
    this.#value = value;
    this.username = facts.username;
    this.receivedAtMs = facts.receivedAtMs;
    this.expiresAtMs = facts.expiresAtMs;
    this.refreshAtMs = facts.refreshAtMs;
    this.details = facts.details;
  }

  /** The bearer string. Hand it to the server, to nobody else. */
  reveal(): string {
    return this.#value;
  }

  /** Whether the other token is the same bearer string: a provider that caches hands it out again. */
  isSameAs(other: Token | undefined): boolean {
    return other !== undefined && other.#value === this.#value;
  }

  toJSON(): Record<string, unknown> {
    return {
      username: this.username,
      receivedAt: new Date(this.receivedAtMs).toISOString(),
      expiresAt: new Date(this.expiresAtMs).toISOString(),
      ...this.details,
    };
  }

  /** Names the token without showing it. */
  toString(): string {
    return `token of ${this.username} until ${new Date(this.expiresAtMs).toISOString()}`;
  }

  [inspect.custom](): string {
    return `Token ${inspect(this.toJSON(), { breakLength: Infinity })}`;
  }
}
