import {
  type HttpAnswer,
  type HttpRequest,
  type HttpServer,
  json,
  startHttpServer,
} from "../http/http-server.js";
import type { AuthorityOptions } from "./authority-options.js";
import { federationMetadata, tenantMetadata } from "./discovery.js";
import { entraErrorAnswer, unknownTenant } from "./entra-error.js";
import { answerTokenRequest } from "./token-endpoint.js";

/** Path of the issuer of federated assertions on the authority's host. */
export const FEDERATION_PATH = "/federation";

/** Starts Entra ID: discovery, keys and the token endpoint, and an issuer to federate with. */
export function startAuthority(options: AuthorityOptions): Promise<HttpServer> {
  return startHttpServer({
    clock: options.clock,
    tls: options.tls,
    handle: (request) => handle(request, options),
  });
}

function handle(request: HttpRequest, options: AuthorityOptions): HttpAnswer | Promise<HttpAnswer> {
  const host = options.authorityHost();
  if (request.path.startsWith(`${FEDERATION_PATH}/`)) {
    return federation(request.path.slice(FEDERATION_PATH.length), host, options);
  }
  const [, tenant = "", ...rest] = request.path.split("/");
  const resource = rest.join("/");
  const tenantId =
    tenant.toLowerCase() === options.directory.tenantId.toLowerCase()
      ? options.directory.tenantId
      : undefined;
  switch (resource) {
    case "oauth2/token":
    case "oauth2/v2.0/token":
      return request.method === "POST"
        ? answerTokenRequest(request, { tenant, version: resource === "oauth2/token" ? "v1" : "v2" }, options)
        : json(405, { error: "invalid_request", error_description: "Only POST is allowed." });
    case ".well-known/openid-configuration":
      return tenantId ? json(200, tenantMetadata(host, tenantId, "v1")) : noSuchTenant(tenant, host, options);
    case "v2.0/.well-known/openid-configuration":
      return tenantId ? json(200, tenantMetadata(host, tenantId, "v2")) : noSuchTenant(tenant, host, options);
    case "discovery/keys":
    case "discovery/v2.0/keys":
      return json(200, { keys: [options.tokenKey.jwk] });
    default:
      return json(404, { error: "not_found", error_description: "The requested path does not exist." });
  }
}

function federation(path: string, host: string, { federationKey }: AuthorityOptions): HttpAnswer {
  switch (path) {
    case "/.well-known/openid-configuration":
      return json(200, federationMetadata(host + FEDERATION_PATH));
    case "/keys":
      return json(200, { keys: [federationKey.jwk] });
    default:
      return json(404, { error: "not_found" });
  }
}

function noSuchTenant(tenant: string, authorityHost: string, { clock }: AuthorityOptions): HttpAnswer {
  return entraErrorAnswer(unknownTenant(tenant, "invalid_tenant"), { nowMs: clock.now(), authorityHost });
}
