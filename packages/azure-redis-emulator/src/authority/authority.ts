import {
  type HttpAnswer,
  type HttpRequest,
  type HttpServer,
  json,
  startHttpServer,
} from "../http/http-server.js";
import type { AuthorityOptions } from "./authority-options.js";
import { answerAuthorizeRequest } from "./authorize.js";
import { isTenantOfUsers } from "./clients.js";
import { answerDeviceCodeRequest, answerDeviceLogin, DEVICE_LOGIN_PATH } from "./device-login.js";
import { federationMetadata, tenantMetadata } from "./discovery.js";
import { entraErrorAnswer, unknownTenant } from "./entra-error.js";
import { answerTokenRequest } from "./token-endpoint.js";

/** Path of the issuer of federated assertions on the authority's host. */
export const FEDERATION_PATH = "/federation";

/** Starts Entra ID: discovery, keys, sign-in and the token endpoint, and an issuer to federate with. */
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
  if (request.path === DEVICE_LOGIN_PATH) {
    return otherMethod(request, "GET", "POST") ?? answerDeviceLogin(request, options);
  }
  const [, tenant = "", ...rest] = request.path.split("/");
  const resource = rest.join("/");
  const isKnown = isTenantOfUsers(tenant, options.directory);
  const isOwn = tenant.toLowerCase() === options.directory.tenantId.toLowerCase();
  // `common` and `organizations` stay what they are in addresses; the issuer there is a template.
  const names = isOwn
    ? { path: options.directory.tenantId, issuer: options.directory.tenantId }
    : { path: tenant.toLowerCase(), issuer: "{tenantid}" };
  switch (resource) {
    case "oauth2/token":
    case "oauth2/v2.0/token":
      return (
        otherMethod(request, "POST") ??
        answerTokenRequest(request, { tenant, version: resource === "oauth2/token" ? "v1" : "v2" }, options)
      );
    case "oauth2/v2.0/authorize":
      return otherMethod(request, "GET", "POST") ?? answerAuthorizeRequest(request, tenant, options);
    case "oauth2/v2.0/devicecode":
      return otherMethod(request, "POST") ?? answerDeviceCodeRequest(request, tenant, options);
    case ".well-known/openid-configuration":
      return isKnown ? json(200, tenantMetadata(host, names, "v1")) : noSuchTenant(tenant, host, options);
    case "v2.0/.well-known/openid-configuration":
      return isKnown ? json(200, tenantMetadata(host, names, "v2")) : noSuchTenant(tenant, host, options);
    case "discovery/keys":
    case "discovery/v2.0/keys":
      return json(200, { keys: [options.tokenKey.jwk] });
    default:
      return json(404, { error: "not_found", error_description: "The requested path does not exist." });
  }
}

/** The refusal of a method that is none of these. */
function otherMethod({ method }: HttpRequest, ...allowed: readonly string[]): HttpAnswer | undefined {
  return allowed.includes(method)
    ? undefined
    : json(405, {
        error: "invalid_request",
        error_description: `Only ${allowed.join(" and ")} ${allowed.length === 1 ? "is" : "are"} allowed.`,
      });
}

async function federation(
  path: string,
  host: string,
  { federationKey }: AuthorityOptions,
): Promise<HttpAnswer> {
  switch (path) {
    case "/.well-known/openid-configuration":
      return json(200, federationMetadata(host + FEDERATION_PATH));
    case "/keys":
      return json(200, { keys: [(await federationKey()).jwk] });
    default:
      return json(404, { error: "not_found" });
  }
}

function noSuchTenant(tenant: string, authorityHost: string, { clock }: AuthorityOptions): HttpAnswer {
  return entraErrorAnswer(unknownTenant(tenant, "invalid_tenant"), { nowMs: clock.now(), authorityHost });
}
