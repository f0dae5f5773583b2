const HIDDEN = "[redacted]";

/** Form fields, query parameters and headers that carry a secret, in lower case. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  "access_token",
  "assertion",
  "authorization",
  "client_assertion",
  "client_secret",
  "code",
  "code_verifier",
  "cookie",
  "device_code",
  "id_token_hint",
  "password",
  "proxy-authorization",
  "refresh_token",
  "secret",
  "x-identity-header",
]);

/** The base64url of `{"`, with which every JWT begins, and what follows it. */
const JWT_LIKE = /eyJ[\w-]*(?:\.[\w-]*)*/g;

/** Replaces everything in the text that looks like a JWT. */
export function redactTokens(text: string): string {
  return text.replaceAll(JWT_LIKE, HIDDEN);
}

/** A copy of named values that is fit for the event log: secrets are replaced, their presence stays visible. */
export function redactValues(values: Iterable<readonly [string, string]>): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of values) {
    result[redactTokens(name)] = SECRET_NAMES.has(name.toLowerCase()) ? HIDDEN : redactTokens(value);
  }
  return result;
}
