import { systemClock } from "../core/clock.js";
import type { TokenResponse } from "../core/token.js";
import type { Facts } from "../explain/facts.js";
import { isGuid } from "./guid.js";
import { ExchangeFailure, exchange, type HttpResponse } from "./http.js";
// The rest of it is loaded when something goes wrong: a process that gets its token needs no table of reasons.
import type { Asked } from "./refusal.js";
import {
  parseInstant,
  parseObject,
  parseSeconds,
  type TokenExpectations,
  textOf,
  toTokenResponse,
} from "./token-response.js";

/** Microsoft Entra ID as an application logs in to it. */
export interface TokenEndpoint extends TokenExpectations {
  /** `https://login.microsoftonline.com`, without a slash at the end. */
  readonly authorityHost: string;
  readonly tenantId: string;
  readonly clientId: string;
  /** Certificate authorities (PEM) to trust instead of the system's. */
  readonly ca?: string | readonly string[] | undefined;
}

/** Address of the token endpoint; also the audience of an assertion. */
export function tokenEndpointUrl({ authorityHost, tenantId }: TokenEndpoint): string {
  return `${authorityHost}/${tenantId}/oauth2/v2.0/token`;
}

/**
 * The client credentials exchange, with a secret or an assertion as `proof`.
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 *
 * @param identity description of the asking identity, for messages
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_IDENTITY_REJECTED` (permanent), `ERR_PASSWORDLESS_THROTTLED`,
 * `ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR`, `ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE`, or what the claims reveal
 */
export async function requestFromTokenEndpoint(
  endpoint: TokenEndpoint,
  proof: Readonly<Record<string, string>>,
  identity: string,
  signal: AbortSignal,
): Promise<TokenResponse> {
  const url = new URL(tokenEndpointUrl(endpoint));
  const from = `Microsoft Entra ID (${url.origin})`;
  const form = new URLSearchParams({
    client_id: endpoint.clientId,
    scope: endpoint.scope,
    grant_type: "client_credentials",
    ...proof,
  });
  const asked: Asked = {
    from,
    target: "authority",
    identity,
    facts: factsOf(endpoint, proof),
    secrets: [proof["client_secret"], proof["client_assertion"]].filter((secret) => secret !== undefined),
  };
  let response: HttpResponse;
  try {
    response = await exchange({
      url,
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded;charset=utf-8" },
      body: form.toString(),
      ca: endpoint.ca,
      signal,
    });
  } catch (error) {
    if (!(error instanceof ExchangeFailure)) throw error;
    const { unreachableError } = await import("./refusal.js");
    throw unreachableError(asked, error);
  }
  return readAnswer(response, endpoint, asked);
}

/** What accompanies an assertion instead of a secret. @see https://www.rfc-editor.org/rfc/rfc7523#section-2.2 */
export function assertionProof(assertion: string): Record<string, string> {
  return {
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  };
}

/** What explains a refusal. Of the secret nothing but whether it can be one: a secret's ID is a GUID, a secret is not. */
function factsOf(
  { authorityHost, tenantId, clientId, scope }: TokenEndpoint,
  { client_secret: secret }: Readonly<Record<string, string>>,
): Facts {
  return {
    authorityHost,
    tenantId,
    clientId,
    scope,
    ...(secret !== undefined && isGuid(secret) ? { secretLooksLikeId: true } : {}),
  };
}

async function readAnswer(
  response: HttpResponse,
  endpoint: TokenEndpoint,
  asked: Asked,
): Promise<TokenResponse> {
  const { status, serverTimeMs, retryAfterMs } = response;
  const body = parseObject(response.body);
  if (status !== 200) {
    if (body === undefined && status !== 429 && status < 500) {
      const what = `HTTP ${status} with ${response.contentType === "" ? "no content type" : response.contentType} instead of JSON`;
      const { malformedError } = await import("./refusal.js");
      throw malformedError(asked, what, { status });
    }
    const { refusalError } = await import("./refusal.js");
    throw refusalError({ ...asked, status, serverTimeMs, retryAfterMs, ...readRefusal(body ?? {}) });
  }
  const token = body === undefined ? undefined : textOf(body, "access_token");
  if (body === undefined || token === undefined || token === "") {
    const { malformedError } = await import("./refusal.js");
    throw malformedError(asked, "HTTP 200 without an `access_token`", { status });
  }
  const nowMs = serverTimeMs ?? systemClock.now();
  const lifetimeMs = parseSeconds(body["expires_in"]);
  const refreshInMs = parseSeconds(body["refresh_in"]);
  return toTokenResponse(
    {
      token,
      serverTimeMs,
      expiresAtMs: lifetimeMs === undefined ? parseInstant(body["expires_on"]) : nowMs + lifetimeMs,
      refreshAtMs: refreshInMs === undefined ? undefined : nowMs + refreshInMs,
    },
    endpoint,
  );
}

function readRefusal(body: Readonly<Record<string, unknown>>) {
  const codes = body["error_codes"];
  return {
    error: textOf(body, "error"),
    description: textOf(body, "error_description"),
    correlationId: textOf(body, "correlation_id"),
    errorCodes: Array.isArray(codes) ? codes.map(Number).filter(Number.isFinite) : undefined,
  };
}
