import type { PasswordlessError } from "../core/errors.js";
import type { HttpResponse } from "./http.js";
import { type Asked, malformedError, refusalError } from "./refusal.js";
import { parseObject, textOf } from "./token-response.js";

/** Turns the answer of a managed identity endpoint into our error. */
export function managedIdentityRefusal(response: HttpResponse, asked: Asked): PasswordlessError {
  const { status, retryAfterMs } = response;
  if (status < 400) return malformedError(asked, `HTTP ${status}`, { status });
  const body = parseObject(response.body);
  return refusalError({
    ...asked,
    status,
    retryAfterMs,
    body: response.body,
    isForeign: body === undefined,
    ...readError(body, response.body),
  });
}

/** IMDS answers as OAuth does; App Service answers `{ statusCode, message }`, or an object under `error`. */
function readError(body: Readonly<Record<string, unknown>> | undefined, text: string) {
  if (body === undefined) return { error: undefined, description: text.trim().slice(0, 200) };
  const nested = body["error"];
  const inner =
    typeof nested === "object" && nested !== null ? (nested as Record<string, unknown>) : undefined;
  return {
    error: inner === undefined ? textOf(body, "error") : textOf(inner, "code"),
    description:
      textOf(body, "error_description") ??
      textOf(body, "message") ??
      (inner === undefined ? undefined : textOf(inner, "message")),
    correlationId: textOf(body, "correlation_id") ?? textOf(body, "correlationId"),
  };
}
