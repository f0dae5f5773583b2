/** Anything shaped like a JWT: base64url of `{"` starts with `eyJ`. The signature may be missing or cut. */
const JWT_LIKE = /eyJ[\w-]{5,}(?:\.[\w-]*){0,4}/g;
const LONGEST_TEXT = 600;
/** A shorter value is part of many a word, and no secret of Entra ID. */
const SHORTEST_SECRET = 6;
const DEEPEST_CAUSE = 5;

/**
 * Removes from a foreign text whatever looks like a token, and the secrets named, and cuts it to a readable length.
 *
 * @param secrets values that the other side may echo: a client secret, an assertion
 */
export function redact(text: string, secrets: readonly string[] = []): string {
  const clean = withoutSecrets(text, secrets);
  return clean.length > LONGEST_TEXT ? `${clean.slice(0, LONGEST_TEXT)}…` : clean;
}

/** The same at full length, for texts of our own. */
export function withoutSecrets(text: string, secrets: readonly string[] = []): string {
  let clean = text.replaceAll(JWT_LIKE, "[token removed]");
  for (const secret of secrets) {
    if (secret.length >= SHORTEST_SECRET) clean = clean.replaceAll(secret, "[secret removed]");
  }
  return clean;
}

/**
 * Copies the harmless part of a foreign error: name, message, code, HTTP status and causes. The errors of HTTP
 * libraries carry requests and responses, with `Authorization` headers and bodies; none of that is copied.
 */
export function sanitiseCause(error: unknown, secrets: readonly string[] = [], depth = 0): Error | undefined {
  if (typeof error === "string") return new Error(redact(error, secrets));
  if (typeof error !== "object" || error === null || depth > DEEPEST_CAUSE) return undefined;

  const { name, message, code, statusCode, cause, errors } = error as Record<string, unknown>;
  const copy = new Error(typeof message === "string" ? redact(message, secrets) : "(no message)");
  const facts: Record<string, unknown> = {};
  if (typeof code === "string" || typeof code === "number") facts["code"] = code;
  if (typeof statusCode === "number") facts["statusCode"] = statusCode;
  const cleanCause = sanitiseCause(cause, secrets, depth + 1);
  if (cleanCause !== undefined) facts["cause"] = cleanCause;
  if (Array.isArray(errors)) {
    facts["errors"] = errors.map((inner) => sanitiseCause(inner, secrets, depth + 1)).filter(Boolean);
  }
  // The stack begins with the message, so it is the copy's; a foreign one would bring the foreign text back.
  return Object.assign(copy, { name: typeof name === "string" ? name : "Error" }, facts);
}
