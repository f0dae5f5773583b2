import type { IdentityRecord } from "../directory/identity-record.js";
import type { RegularAnswer } from "../faults/token-requests.js";
import { type HttpAnswer, type HttpRequest, json } from "../http/http-server.js";
import { expiresIn } from "../tokens/claims.js";
import { isRedisResource } from "../tokens/redis-resource.js";
import type { TokenDefect } from "../tokens/token-service.js";
import type { AuthorityOptions } from "./authority-options.js";
import { proveClient } from "./client-proof.js";
import { EntraError, entraErrorAnswer, unknownTenant } from "./entra-error.js";

/** Where the request arrived: `{tenant}/oauth2/token` or `{tenant}/oauth2/v2.0/token`. */
export interface TokenEndpoint {
  readonly tenant: string;
  readonly version: "v1" | "v2";
}

/** Above this, Entra ID advises when to refresh, and msal takes up the advice. */
const REFRESH_IN_ABOVE_SECONDS = 2 * 3600;

/**
 * Answers a client-credentials request.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export function answerTokenRequest(
  request: HttpRequest,
  endpoint: TokenEndpoint,
  options: AuthorityOptions,
): Promise<HttpAnswer> {
  const form = formOf(request);
  const record = options.directory.findByClientId(form.get("client_id") ?? "");
  // msal repeats some fields in the query; the form's own come first.
  const parameters = new URLSearchParams([...request.query, ...form]);
  return options.requests.answer(
    { endpoint: "authority", request, parameters, objectId: record?.identity.objectId },
    async (defect) => {
      try {
        return await issue(form, endpoint, options, defect);
      } catch (error) {
        if (!(error instanceof EntraError)) {
          throw error;
        }
        const answer = entraErrorAnswer(error, {
          nowMs: options.clock.now(),
          authorityHost: options.authorityHost(),
          correlationId: correlationId(request, form),
        });
        return { answer };
      }
    },
  );
}

async function issue(
  form: URLSearchParams,
  endpoint: TokenEndpoint,
  options: AuthorityOptions,
  defect: TokenDefect | undefined,
): Promise<RegularAnswer> {
  const record = requestedApplication(form, endpoint, options);
  checkResource(form, endpoint, options.directory.tenantId);
  const proof = await proveClient(form, record, options);
  const issued = await options.tokens.issue(record, proof, defect);
  const secondsLeft = expiresIn(options.clock.now(), issued.expiresAt);
  if (endpoint.version === "v1") {
    const body = {
      token_type: "Bearer",
      expires_in: String(secondsLeft),
      ext_expires_in: String(secondsLeft),
      expires_on: String(issued.expiresAt),
      not_before: String(issued.issuedAt),
      resource: form.get("resource"),
      access_token: issued.token,
    };
    return { answer: json(200, body), issued };
  }
  const body = {
    token_type: "Bearer",
    expires_in: secondsLeft,
    ext_expires_in: secondsLeft,
    ...(secondsLeft > REFRESH_IN_ABOVE_SECONDS && { refresh_in: Math.floor(secondsLeft / 2) }),
    access_token: issued.token,
  };
  return { answer: json(200, body), issued };
}

function requestedApplication(
  form: URLSearchParams,
  { tenant }: TokenEndpoint,
  { directory }: AuthorityOptions,
): IdentityRecord {
  const grantType = form.get("grant_type");
  const clientId = form.get("client_id");
  if (["common", "consumers"].includes(tenant.toLowerCase())) {
    throw new EntraError(
      9001023,
      "invalid_request",
      "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
    );
  }
  if (tenant.toLowerCase() !== directory.tenantId.toLowerCase()) {
    throw unknownTenant(tenant, "invalid_request");
  }
  if (!grantType) {
    throw missingParameter("grant_type");
  }
  if (grantType !== "client_credentials") {
    throw new EntraError(
      70003,
      "unsupported_grant_type",
      `The app requested an unsupported grant type '${grantType}'.`,
    );
  }
  if (!clientId) {
    throw missingParameter("client_id");
  }
  const record = directory.findByClientId(clientId);
  if (!record) {
    throw new EntraError(
      700016,
      "unauthorized_client",
      `Application with identifier '${clientId}' was not found in the directory '${directory.tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    );
  }
  return record;
}

/** @throws {EntraError} when the request does not ask for Redis, by `scope` (v2) or `resource` (v1) */
function checkResource(form: URLSearchParams, { version }: TokenEndpoint, tenantId: string): void {
  const parameter = version === "v1" ? "resource" : "scope";
  const value = form.get(parameter);
  if (!value) {
    throw missingParameter(parameter);
  }
  // msal adds OpenID scopes of its own to some requests.
  const [scope, ...others] = value
    .split(" ")
    .filter((item) => !/^(openid|profile|offline_access)$/.test(item));
  const isDefaultScope = scope !== undefined && others.length === 0 && scope.endsWith("/.default");
  if (version === "v2" && !isDefaultScope) {
    throw new EntraError(
      70011,
      "invalid_scope",
      `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${value} is not valid.`,
    );
  }
  const resource = version === "v1" ? value : (scope ?? "").slice(0, -"/.default".length);
  if (!isRedisResource(resource)) {
    throw new EntraError(
      500011,
      "invalid_resource",
      `The resource principal named ${resource} was not found in the tenant named ${tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    );
  }
}

function missingParameter(name: string): EntraError {
  return new EntraError(
    900144,
    "invalid_request",
    `The request body must contain the following parameter: '${name}'.`,
  );
}

/** The form, with the credentials of an `Authorization: Basic` header (`client_secret_basic`) merged in. */
function formOf({ body, headers }: HttpRequest): URLSearchParams {
  const form = new URLSearchParams(body);
  const [scheme, encoded] = headers.authorization?.split(" ") ?? [];
  if (scheme?.toLowerCase() === "basic" && encoded && !form.has("client_secret")) {
    const [clientId = "", secret = ""] = Buffer.from(encoded, "base64").toString("utf8").split(":");
    form.set("client_id", decodeURIComponent(clientId));
    form.set("client_secret", decodeURIComponent(secret));
  }
  return form;
}

function correlationId({ headers, query }: HttpRequest, form: URLSearchParams): string | undefined {
  const given =
    headers["client-request-id"]?.toString() ??
    form.get("client-request-id") ??
    query.get("client-request-id");
  return given && /^[0-9a-f-]{36}$/i.test(given) ? given : undefined;
}
