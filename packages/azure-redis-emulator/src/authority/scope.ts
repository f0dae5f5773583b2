import { isRedisResource } from "../tokens/redis-resource.js";
import { EntraError, missingParameter } from "./entra-error.js";

const OPENID_SCOPE = /^(openid|profile|email|offline_access)$/;

/**
 * Checks the `scope` of a request: one resource, which is Redis, beside the scopes of OpenID Connect.
 *
 * @param permissions which permissions of the resource may be asked for: an application gets all that it has
 * (`/.default`), a client that acts for a user may name one
 * @throws {EntraError} 70011 for another form, 500011 for another resource
 */
export function checkScope(value: string | null, permissions: RegExp, tenantId: string): void {
  if (!value) {
    throw missingParameter("scope");
  }
  // msal adds OpenID scopes of its own to some requests.
  const scopes = value.split(/\s+/).filter((item) => item !== "" && !OPENID_SCOPE.test(item));
  const resources = new Set(scopes.map(resourceOf));
  const [resource] = resources;
  if (resource === undefined || resources.size > 1 || !scopes.every((scope) => permissions.test(scope))) {
    throw new EntraError(
      70011,
      "invalid_scope",
      `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${value} is not valid.`,
    );
  }
  checkResource(resource, tenantId);
}

/** @throws {EntraError} 500011 when it is not Redis */
export function checkResource(resource: string, tenantId: string): void {
  if (!isRedisResource(resource)) {
    throw new EntraError(
      500011,
      "invalid_resource",
      `The resource principal named ${resource} was not found in the tenant named ${tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    );
  }
}

/** Whether the request asks for this scope of OpenID Connect. */
export function hasScope(value: string | null, name: string): boolean {
  return (value ?? "").split(/\s+/).includes(name);
}

function resourceOf(scope: string): string {
  return scope.slice(0, Math.max(scope.lastIndexOf("/"), 0));
}
