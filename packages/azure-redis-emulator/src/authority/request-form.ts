import type { HttpRequest } from "../http/http-server.js";
import type { AuthorityOptions } from "./authority-options.js";
import { EntraError, entraErrorAnswer } from "./entra-error.js";

/** The form, with the credentials of an `Authorization: Basic` header (`client_secret_basic`) merged in. */
export function formOf({ body, headers }: HttpRequest): URLSearchParams {
  const form = new URLSearchParams(body);
  const [scheme, encoded] = headers.authorization?.split(" ") ?? [];
  if (scheme?.toLowerCase() === "basic" && encoded && !form.has("client_secret")) {
    const [clientId = "", secret = ""] = Buffer.from(encoded, "base64").toString("utf8").split(":");
    form.set("client_id", decodeURIComponent(clientId));
    form.set("client_secret", decodeURIComponent(secret));
  }
  return form;
}

/** The answer to a request that was refused; what is no refusal is thrown on. */
export function refusalAnswer(
  error: unknown,
  request: HttpRequest,
  form: URLSearchParams,
  { clock, authorityHost }: AuthorityOptions,
) {
  if (!(error instanceof EntraError)) {
    throw error;
  }
  return entraErrorAnswer(error, {
    nowMs: clock.now(),
    authorityHost: authorityHost(),
    correlationId: correlationId(request, form),
  });
}

function correlationId({ headers, query }: HttpRequest, form: URLSearchParams): string | undefined {
  const given =
    headers["client-request-id"]?.toString() ??
    form.get("client-request-id") ??
    query.get("client-request-id");
  return given && /^[0-9a-f-]{36}$/i.test(given) ? given : undefined;
}
