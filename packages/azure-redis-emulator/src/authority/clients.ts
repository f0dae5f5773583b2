import type { Directory } from "../directory/directory.js";
import { DEVELOPER_CLIENT_ID } from "../directory/identity-record.js";
import { EntraError, missingParameter, unknownTenant } from "./entra-error.js";

/**
 * Microsoft's public clients that developers sign in with: they are in every tenant and have no secret.
 * @see https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
 */
const PUBLIC_CLIENTS: ReadonlySet<string> = new Set([
  DEVELOPER_CLIENT_ID,
  // Azure PowerShell
  "1950a258-227b-4e31-a9cf-717495945fc2",
  // Visual Studio Code
  "aebc6443-996d-45c2-90f0-388ff96faa56",
]);

/**
 * Whom users sign in to: one of Microsoft's own clients, or an application of the tenant.
 *
 * @throws {EntraError} 900144 or 700016
 */
export function checkClient(clientId: string | null, directory: Directory): string {
  if (!clientId) {
    throw missingParameter("client_id");
  }
  const isKnown =
    PUBLIC_CLIENTS.has(clientId.toLowerCase()) ||
    directory.findByClientId(clientId)?.identity.kind === "servicePrincipal";
  if (!isKnown) {
    throw unknownApplication(clientId, directory);
  }
  return clientId;
}

export function unknownApplication(clientId: string, { tenantId }: Directory): EntraError {
  return new EntraError(
    700016,
    "unauthorized_client",
    `Application with identifier '${clientId}' was not found in the directory '${tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
  );
}

/** The names under which users find their tenant by themselves; there is one tenant here. */
const SHARED_TENANTS: ReadonlySet<string> = new Set(["common", "organizations"]);

/** Whether users of the tenant sign in under this name. */
export function isTenantOfUsers(tenant: string, { tenantId }: Directory): boolean {
  const name = tenant.toLowerCase();
  return name === tenantId.toLowerCase() || SHARED_TENANTS.has(name);
}

/** @throws {EntraError} 90002 */
export function checkTenantOfUsers(tenant: string, directory: Directory): void {
  if (!isTenantOfUsers(tenant, directory)) {
    throw unknownTenant(tenant, "invalid_request");
  }
}

/** The user of this name; without a name the developer. @throws {EntraError} 50034 */
export function userNamed(name: string | null, directory: Directory) {
  const record = name
    ? directory.findUser(name)
    : directory.records.find(({ identity }) => identity.kind === "developer");
  if (!record) {
    throw new EntraError(
      50034,
      "access_denied",
      `The user account ${name ? `'${name}'` : ""} does not exist in the directory '${directory.tenantId}'. To sign into this application, the account must be added to the directory.`,
    );
  }
  return record;
}
