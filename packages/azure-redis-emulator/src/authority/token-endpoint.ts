import type { IdentityRecord } from "../directory/identity-record.js";
import type { RegularAnswer } from "../faults/token-requests.js";
import { type HttpAnswer, type HttpRequest, json } from "../http/http-server.js";
import { expiresIn } from "../tokens/claims.js";
import type { TokenDefect } from "../tokens/token-service.js";
import type { AuthorityOptions } from "./authority-options.js";
import { proveClient } from "./client-proof.js";
import { unknownApplication } from "./clients.js";
import { EntraError, missingParameter, unknownTenant } from "./entra-error.js";
import { formOf, refusalAnswer } from "./request-form.js";
import { checkResource, checkScope } from "./scope.js";
import { tokenBody } from "./token-body.js";
import { answerUserGrant, USER_GRANTS } from "./user-grant.js";

/** Where the request arrived: `{tenant}/oauth2/token` or `{tenant}/oauth2/v2.0/token`. */
export interface TokenEndpoint {
  readonly tenant: string;
  readonly version: "v1" | "v2";
}

/**
 * Answers a token request: of an application for itself, or of a client for a user who has signed in.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export function answerTokenRequest(
  request: HttpRequest,
  endpoint: TokenEndpoint,
  options: AuthorityOptions,
): Promise<HttpAnswer> {
  const form = formOf(request);
  const isForUser = endpoint.version === "v2" && USER_GRANTS.has(form.get("grant_type") ?? "");
  const objectId = isForUser
    ? options.signIns.objectIdOf(form)
    : options.directory.findByClientId(form.get("client_id") ?? "")?.identity.objectId;
  // msal repeats some fields in the query; the form's own come first.
  const parameters = new URLSearchParams([...request.query, ...form]);
  return options.requests.answer({ endpoint: "authority", request, parameters, objectId }, async (defect) => {
    try {
      return await (isForUser
        ? answerUserGrant(form, endpoint.tenant, options, defect)
        : issue(form, endpoint, options, defect));
    } catch (error) {
      return { answer: refusalAnswer(error, request, form, options) };
    }
  });
}

async function issue(
  form: URLSearchParams,
  endpoint: TokenEndpoint,
  options: AuthorityOptions,
  defect: TokenDefect | undefined,
): Promise<RegularAnswer> {
  const record = requestedApplication(form, endpoint, options);
  checkTarget(form, endpoint, options.directory.tenantId);
  const proof = await proveClient(form, record, options);
  const issued = await options.tokens.issue(record, proof, defect);
  const nowMs = options.clock.now();
  if (endpoint.version === "v2") {
    return { answer: json(200, tokenBody(issued, nowMs)), issued };
  }
  const secondsLeft = String(expiresIn(nowMs, issued.expiresAt));
  const body = {
    token_type: "Bearer",
    expires_in: secondsLeft,
    ext_expires_in: secondsLeft,
    expires_on: String(issued.expiresAt),
    not_before: String(issued.issuedAt),
    resource: form.get("resource"),
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
    throw unknownApplication(clientId, directory);
  }
  return record;
}

/** All that the application may have. */
const DEFAULT_PERMISSIONS = /\/\.default$/;

/** @throws {EntraError} when the request does not ask for Redis, by `scope` (v2) or `resource` (v1) */
function checkTarget(form: URLSearchParams, { version }: TokenEndpoint, tenantId: string): void {
  if (version === "v2") {
    checkScope(form.get("scope"), DEFAULT_PERMISSIONS, tenantId);
    return;
  }
  const resource = form.get("resource");
  if (!resource) {
    throw missingParameter("resource");
  }
  checkResource(resource, tenantId);
}
