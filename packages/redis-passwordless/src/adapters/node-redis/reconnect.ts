import { PasswordlessError } from "../../core/errors.js";
import { isPermanent } from "../../reauth/token-wait.js";
import type { CredentialsProvider } from "./provider.js";
import type { ReconnectStrategy } from "./structural.js";

/** The wait for a token happens in the handshake itself, so a failed one is followed by the next at once. */
const TOKEN_RETRY_MS = 100;

/** After a permanent refusal the identity is asked again only every 30 s; reconnecting faster serves nobody. */
const REFUSED_RETRY_MS = 2_000;

/**
 * Wraps the user's reconnect strategy, or node-redis's default, with what only we know:
 *
 * - a permanent refusal before the first login ends the first `connect()` with the diagnosis, instead of
 *   repeating for ever what cannot succeed;
 * - once a login has succeeded, the client never gives up because of the identity;
 * - a login that Redis refused asks for another token.
 */
export function reconnectStrategy(
  provider: CredentialsProvider,
  own: ReconnectStrategy | undefined,
): (retries: number, cause: Error) => false | Error | number {
  const { random } = provider.reauthenticator;
  return (retries, cause) => {
    if (isLoginRefusal(cause)) provider.refused(cause);
    // Redis refusing a token is an answer of the server, and followed by the usual backoff.
    const isOurs = PasswordlessError.is(cause) && cause.code !== "ERR_PASSWORDLESS_AUTH_REFUSED";
    if (isOurs && own !== false) {
      if (!isPermanent(cause)) return TOKEN_RETRY_MS * (0.5 + random());
      // No wait makes a connection encrypted.
      if (cause.code === "ERR_PASSWORDLESS_PLAINTEXT_REFUSED") return false;
      return provider.hasEverLoggedIn ? REFUSED_RETRY_MS : false;
    }
    if (typeof own === "function") return own(retries, cause);
    return own ?? defaultDelayMs(retries, cause, random);
  };
}

/** node-redis's own default (client/socket.ts of 6.3.1): doubling from 50 ms to 2 s, plus up to 200 ms. */
function defaultDelayMs(retries: number, cause: Error, random: () => number): false | number {
  if (cause.name === "SocketTimeoutError" || cause.constructor.name === "SocketTimeoutError") return false;
  return Math.min(2 ** retries * 50, 2_000) + Math.floor(random() * 200);
}

/** Azure puts `ERR` in front of WRONGPASS; see "Error strings" in the sources of docs/errors.md. */
function isLoginRefusal(cause: Error): boolean {
  return /WRONGPASS|invalid username/i.test(cause.message);
}
