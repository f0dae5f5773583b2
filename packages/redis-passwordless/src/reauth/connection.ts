import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import type { FactName, Facts } from "../explain/facts.js";
import { judge } from "../explain/judge.js";
import { REDIS_RULES } from "../explain/rules/redis.js";
import { serverFacts } from "../explain/server.js";

/**
 * What became of an attempt to log in again on an open connection.
 *
 * - `accepted`: the server said OK; the connection lives as long as the new token.
 * - `offline`: the connection is not up; its next handshake takes the newest token by itself.
 * - `unable`: the connection is in a state in which AUTH is not allowed, and its adapter has no way around it.
 * - `gone`: the client was closed.
 */
export type LoginResult = "accepted" | "offline" | "unable" | "gone";

/** One live connection, as an adapter shows it to the re-authentication. */
export interface Connection {
  /** For messages: which server, which connection. */
  readonly label: string;
  /**
   * Logs in on the open connection with this token. May wait until the connection can take an AUTH: behind a
   * transaction or a blocked command.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_AUTH_REFUSED` when the server refused the token
   */
  authenticate(token: Token): Promise<LoginResult>;
  /** Told when it is no longer kept authenticated, because its client is gone or its token has ended. */
  dropped?(): void;
}

/** Redis's own user, whose password is the cache's access key: no object ID. */
const DEFAULT_USER = "default";
const CHECK_IDENTITY =
  "Check that this object ID has an access policy on the cache, that Microsoft Entra authentication is switched on there, and that the token is meant for Redis.";

/** What else is known where a login was refused. */
export type LoginFacts = Pick<Facts, "isEncrypted">;

/**
 * The error for a login that the server refused, with the server's text; its cause by what the token says of itself.
 *
 * @returns `ERR_PASSWORDLESS_AUTH_REFUSED`, or `ERR_PASSWORDLESS_CONNECTION_FAILED` where the answer is not about the
 * token: too many connections, something that is not Redis
 */
export function refusedError(
  label: string,
  token: Token,
  serverText: string,
  { isEncrypted }: LoginFacts = {},
): PasswordlessError {
  const reply = withoutToken(serverText, token);
  const details = {
    ...serverFacts(label),
    ...loginFacts(token),
    ...(isEncrypted === undefined ? {} : { isEncrypted }),
    reply,
  };
  const verdict = judge(REDIS_RULES, { from: "redis", reply }, details);
  const isAboutLogins = verdict !== undefined && ABOUT_LOGINS.has(verdict.rule.code);
  const { rule, remedy } = isAboutLogins ? verdict : { rule: undefined, remedy: CHECK_IDENTITY };
  return new PasswordlessError(rule?.code ?? "ERR_PASSWORDLESS_AUTH_REFUSED", {
    message: `Redis at ${label} refused the login of user "${token.username}": ${reply}.`,
    remedy,
    rule: rule?.id,
    // Whoever repairs it does so on the cache, while clients go on asking for tokens and trying them.
    retryable: true,
    details,
  });
}

/** Whether TLS protects a connection. */
export function encryptionOf(stream: object): LoginFacts {
  return { isEncrypted: "encrypted" in stream && stream.encrypted === true };
}

const ABOUT_LOGINS: ReadonlySet<string> = new Set([
  "ERR_PASSWORDLESS_AUTH_REFUSED",
  "ERR_PASSWORDLESS_CONNECTION_FAILED",
]);

/** Who logs in, as far as it may be told and says something about a refusal. */
function loginFacts(token: Token): Record<string, string | number> {
  const { username, expiresAtMs: tokenExpiresAtMs, details } = token;
  const login = username === DEFAULT_USER ? "accessKey" : "entraId";
  const claims = IDENTITY_FACTS.flatMap((name) => {
    const value = details[name];
    return typeof value === "string" ? [[name, value] as const] : [];
  });
  return { ...Object.fromEntries(claims), username, login, tokenExpiresAtMs };
}

const IDENTITY_FACTS = [
  "objectId",
  "clientId",
  "tenantId",
  "audience",
  "identityType",
  "resourceId",
] as const satisfies readonly FactName[];

/** The error for a login that has not been answered when its connection's token is about to end. */
export function loginTimeoutError(label: string, token: Token): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_AUTH_TIMEOUT", {
    message: `Redis at ${label} has not answered the login of user "${token.username}", and the previous token is about to end.`,
    remedy:
      "An open transaction or a command that blocks for ever holds the connection: end it in time, give it a finite timeout, or, with node-redis, attach the client to this library.",
    rule: "connection-held",
    retryable: true,
    details: { ...serverFacts(label), username: token.username, clientProblem: "connectionHeld" },
  });
}

/** The error for a connection that cannot take an AUTH in its present state. */
export function unableError(label: string, token: Token): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLIENT_UNSUPPORTED", {
    message: `The connection to ${label} cannot log in again in its present state; a RESP2 subscriber, for one, is allowed no AUTH. It will be cut at ${new Date(token.expiresAtMs).toISOString()} and, if it has subscribed, miss messages until it has reconnected.`,
    remedy: "Subscribe with RESP 3, or attach the client to this library, if it is one of node-redis.",
    rule: "subscriber-without-resp3",
    details: { ...serverFacts(label), username: token.username, clientProblem: "subscriberWithoutResp3" },
  });
}

/**
 * A server that does not know AUTH repeats its arguments ("unknown command …, with args beginning with: …"), the
 * token cut short among them.
 */
function withoutToken(text: string, token: Token): string {
  const beginning = text.indexOf(token.reveal().slice(0, 8));
  const safe = beginning < 0 ? text : `${text.slice(0, beginning)}…`;
  return safe
    .replace(/,? with args beginning with.*/s, "")
    .slice(0, 200)
    .replace(/\.$/, "");
}
