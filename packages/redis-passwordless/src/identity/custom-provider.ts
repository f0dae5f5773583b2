import type { IdentityProvider, TokenRequest } from "../core/identity-provider.js";
import type { TokenResponse } from "../core/token.js";
import { tokenError } from "./token-error.js";
import { type TokenExpectations, toTokenResponse } from "./token-response.js";

/** A token from a source of the user's own. What is missing is taken from the claims, if the token is a JWT. */
export interface CustomToken {
  readonly token: string;
  /** Redis user name. @default the token's `oid` */
  readonly username?: string | undefined;
  /** End of life in epoch milliseconds. @default the token's `exp` */
  readonly expiresAtMs?: number | undefined;
  /** When to ask for the next one, in epoch milliseconds. */
  readonly refreshAtMs?: number | undefined;
  /** The issuer's clock when it answered, in epoch milliseconds. */
  readonly serverTimeMs?: number | undefined;
  readonly details?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** A function, or an object with `requestToken` such as an {@link IdentityProvider}. */
export type CustomIdentityProvider =
  | ((request: TokenRequest) => CustomToken | Promise<CustomToken>)
  | {
      readonly description?: string;
      requestToken(request: TokenRequest): CustomToken | Promise<CustomToken>;
    };

/**
 * Asks an identity provider of the user's own. When it leaves out the user name or the expiry, its token must be one
 * of Entra ID, and is checked like any other; when it gives both, the token is passed on as it is.
 */
export class CustomProvider implements IdentityProvider {
  readonly description: string;
  readonly #provider: CustomIdentityProvider;
  readonly #expected: TokenExpectations;

  constructor(provider: CustomIdentityProvider, expected: TokenExpectations, description: string) {
    this.description = description;
    this.#provider = provider;
    this.#expected = expected;
  }

  async requestToken(request: TokenRequest): Promise<TokenResponse> {
    const provider = this.#provider;
    const answer =
      typeof provider === "function" ? await provider(request) : await provider.requestToken(request);
    if (typeof answer?.token !== "string" || answer.token === "") {
      throw tokenError("ERR_PASSWORDLESS_TOKEN_INVALID", {
        message: `The ${this.description} returned no token.`,
        facts: { tokenProblem: "missing" },
      });
    }
    const { token, username, expiresAtMs, refreshAtMs, serverTimeMs, details } = answer;
    if (username === undefined || expiresAtMs === undefined) {
      const response = toTokenResponse(
        { token, username, refreshAtMs, serverTimeMs, expiresAtMs },
        this.#expected,
      );
      return {
        ...response,
        ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
        details: { ...response.details, ...details },
      };
    }
    return {
      token,
      username,
      expiresAtMs,
      ...(refreshAtMs === undefined ? {} : { refreshAtMs }),
      ...(serverTimeMs === undefined ? {} : { serverTimeMs }),
      ...(details === undefined ? {} : { details }),
    };
  }
}
