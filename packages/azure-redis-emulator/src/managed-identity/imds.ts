import type { EmulatorClock } from "../clock.js";
import type { Directory } from "../directory/directory.js";
import type { RegularAnswer, TokenRequests } from "../faults/token-requests.js";
import {
  type HttpAnswer,
  type HttpRequest,
  type HttpServer,
  json,
  startHttpServer,
} from "../http/http-server.js";
import { expiresIn } from "../tokens/claims.js";
import { isRedisResource } from "../tokens/redis-resource.js";
import type { TokenDefect, TokenService } from "../tokens/token-service.js";
import { type SelectorNames, selectorFrom } from "./selector.js";

export interface ManagedIdentityOptions {
  readonly clock: EmulatorClock;
  readonly directory: Directory;
  readonly tokens: TokenService;
  readonly requests: TokenRequests;
}

const TOKEN_PATH = "/metadata/identity/oauth2/token";

// The documented names, and the aliases that the real service takes as well.
const SELECTORS: SelectorNames = {
  clientId: ["client_id"],
  objectId: ["object_id", "principal_id"],
  resourceId: ["msi_res_id", "mi_res_id"],
};

/**
 * Starts the Instance Metadata Service of a virtual machine, as far as it concerns tokens.
 *
 * @see https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
 */
export function startImds(options: ManagedIdentityOptions): Promise<HttpServer> {
  return startHttpServer({ clock: options.clock, handle: (request) => handle(request, options) });
}

function handle(request: HttpRequest, options: ManagedIdentityOptions): HttpAnswer | Promise<HttpAnswer> {
  // With AZURE_POD_IDENTITY_AUTHORITY_HOST msal asks with a slash at the end of the path; both are served.
  if (request.path !== TOKEN_PATH) {
    return json(404, { error: "not_found", error_description: "The requested path does not exist." });
  }
  const selected = options.directory.selectManaged(selectorFrom(request.query, SELECTORS));
  const objectId = typeof selected === "string" ? undefined : selected.identity.objectId;
  return options.requests.answer(
    { endpoint: "imds", request, parameters: request.query, objectId },
    async (defect) => (rejection(request) ?? (await issue(request, options, defect))) satisfies RegularAnswer,
  );
}

/** What is wrong with the request before any identity comes into it. */
function rejection({ method, headers, query }: HttpRequest): RegularAnswer | undefined {
  if (method !== "GET") {
    return refused(405, "invalid_request", "Only GET is allowed.");
  }
  if (headers["metadata"]?.toString().toLowerCase() !== "true") {
    return refused(400, "bad_request_102", "Required metadata header not specified");
  }
  // A forwarded request may come from outside the machine; the real service refuses it too.
  if (headers["x-forwarded-for"] !== undefined) {
    return refused(400, "bad_request_101", "Forwarded requests are not allowed");
  }
  const version = query.get("api-version");
  if (!version || !/^\d{4}-\d{2}-\d{2}(-preview)?$/.test(version)) {
    return refused(400, "invalid_request", "Required query variable 'api-version' is missing or not a date");
  }
  return query.get("resource")
    ? undefined
    : refused(400, "invalid_request", "Required query variable 'resource' is missing");
}

async function issue(
  { query }: HttpRequest,
  { directory, tokens, clock }: ManagedIdentityOptions,
  defect: TokenDefect | undefined,
): Promise<RegularAnswer> {
  const resource = query.get("resource") ?? "";
  const record = directory.selectManaged(selectorFrom(query, SELECTORS));
  if (record === "notFound") {
    return refused(400, "invalid_request", "Identity not found");
  }
  if (record === "ambiguous") {
    return refused(
      400,
      "invalid_request",
      "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request",
    );
  }
  if (!isRedisResource(resource)) {
    return refused(
      400,
      "invalid_resource",
      `AADSTS500011: The resource principal named ${resource} was not found in the tenant named ${directory.tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    );
  }
  const issued = await tokens.issue(record, "certificate", defect);
  const secondsLeft = String(expiresIn(clock.now(), issued.expiresAt));
  // Numbers are strings here.
  const body = {
    access_token: issued.token,
    client_id: record.identity.clientId,
    expires_in: secondsLeft,
    expires_on: String(issued.expiresAt),
    ext_expires_in: secondsLeft,
    not_before: String(issued.issuedAt),
    refresh_token: "",
    resource,
    token_type: "Bearer",
  };
  return { answer: json(200, body), issued };
}

function refused(status: number, error: string, description: string): RegularAnswer {
  return { answer: json(status, { error, error_description: description }) };
}
