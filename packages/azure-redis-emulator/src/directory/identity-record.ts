import { randomBytes, randomUUID, X509Certificate } from "node:crypto";
import type {
  AccessPolicy,
  FederatedCredential,
  Identity,
  ManagedIdentityInit,
  ServicePrincipalInit,
  UserInit,
} from "../api.js";

/** A certificate that an application may sign its assertions with. */
export interface RegisteredCertificate {
  readonly certificate: X509Certificate;
  /** SHA-1 of the DER, base64url: the `x5t` header. */
  readonly sha1: string;
  /** SHA-256 of the DER, base64url: the `x5t#S256` header. */
  readonly sha256: string;
}

/** All that the directory knows of a service principal, a managed identity or a user. */
export interface IdentityRecord {
  readonly identity: Identity;
  /** Resource that a managed identity belongs to, or is: the claim `xms_mirid`. */
  readonly managedResourceId?: string;
  readonly secretExpired: boolean;
  readonly certificates: readonly RegisteredCertificate[];
  readonly federatedCredentials: readonly Required<FederatedCredential>[];
  /** 0: the managed identity endpoint does not cache. */
  readonly cacheUntilMsBeforeExpiry: number;
  accessPolicy: AccessPolicy | null;
  tokenLifetimeMs: number | undefined;
}

/**
 * Azure CLI, whose client ID other developer tools and @azure/identity use as well.
 * @see https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
 */
export const DEVELOPER_CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

export const DEFAULT_FEDERATION_AUDIENCE = "api://AzureADTokenExchange";

/** Tokens count in whole seconds, so a shorter life cannot be expressed. */
export const MIN_TOKEN_LIFETIME_MS = 1000;

const RESOURCE_GROUP =
  "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/emulator/providers";

/** @throws {RangeError} when a token cannot live that long */
export function checkTokenLifetime(lifetimeMs: number): number {
  if (!Number.isFinite(lifetimeMs) || lifetimeMs < MIN_TOKEN_LIFETIME_MS) {
    throw new RangeError(
      `A token's lifetime must be at least ${MIN_TOKEN_LIFETIME_MS} ms; got ${lifetimeMs}.`,
    );
  }
  return lifetimeMs;
}

export function managedIdentityRecord(init: ManagedIdentityInit): IdentityRecord {
  const objectId = init.objectId ?? randomUUID();
  if (init.kind === "system" && init.resourceId !== undefined) {
    throw new TypeError("Only a user-assigned identity has a resource ID of its own.");
  }
  const resourceId =
    init.kind === "user"
      ? (init.resourceId ??
        `${RESOURCE_GROUP}/Microsoft.ManagedIdentity/userAssignedIdentities/identity-${objectId.slice(0, 8)}`)
      : undefined;
  return {
    identity: {
      kind: init.kind,
      objectId,
      clientId: init.clientId ?? randomUUID(),
      ...(resourceId !== undefined && { resourceId }),
    },
    managedResourceId: resourceId ?? `${RESOURCE_GROUP}/Microsoft.Compute/virtualMachines/emulator`,
    secretExpired: false,
    certificates: [],
    federatedCredentials: (init.federatedCredentials ?? []).map(withAudience),
    cacheUntilMsBeforeExpiry: init.cacheUntilMsBeforeExpiry ?? 0,
    ...mutablePart(init),
  };
}

export function servicePrincipalRecord(init: ServicePrincipalInit): IdentityRecord {
  // Without any other way to prove itself the application gets a secret.
  const hasOtherProof = Boolean(init.certificates?.length || init.federatedCredentials?.length);
  const secret = init.secret ?? (hasOtherProof ? undefined : randomBytes(30).toString("base64url"));
  return {
    identity: {
      kind: "servicePrincipal",
      objectId: init.objectId ?? randomUUID(),
      clientId: init.clientId ?? randomUUID(),
      ...(secret !== undefined && { secret }),
    },
    secretExpired: init.secretExpired ?? false,
    certificates: (init.certificates ?? []).map(registeredCertificate),
    federatedCredentials: (init.federatedCredentials ?? []).map(withAudience),
    cacheUntilMsBeforeExpiry: 0,
    ...mutablePart(init),
  };
}

/** The domain that every new tenant has. */
const USER_DOMAIN = "emulator.onmicrosoft.com";

export function userRecord(init: UserInit): IdentityRecord {
  const objectId = init.objectId ?? randomUUID();
  const userPrincipalName = init.userPrincipalName ?? `user-${objectId.slice(0, 8)}@${USER_DOMAIN}`;
  if (!/^[^\s@]+@[^\s@]+$/.test(userPrincipalName)) {
    throw new TypeError(
      `"userPrincipalName" must look like name@domain; got ${JSON.stringify(userPrincipalName)}.`,
    );
  }
  return {
    identity: { kind: "developer", objectId, clientId: DEVELOPER_CLIENT_ID, userPrincipalName },
    secretExpired: false,
    certificates: [],
    federatedCredentials: [],
    cacheUntilMsBeforeExpiry: 0,
    ...mutablePart(init),
  };
}

function mutablePart(
  init: ManagedIdentityInit | ServicePrincipalInit | UserInit,
): Pick<IdentityRecord, "accessPolicy" | "tokenLifetimeMs"> {
  return {
    accessPolicy: init.accessPolicy === undefined ? "Data Owner" : init.accessPolicy,
    tokenLifetimeMs:
      init.tokenLifetimeMs === undefined ? undefined : checkTokenLifetime(init.tokenLifetimeMs),
  };
}

function withAudience(credential: FederatedCredential): Required<FederatedCredential> {
  return { audience: DEFAULT_FEDERATION_AUDIENCE, ...credential };
}

function registeredCertificate(pem: string): RegisteredCertificate {
  const certificate = new X509Certificate(pem);
  return {
    certificate,
    sha1: thumbprint(certificate.fingerprint),
    sha256: thumbprint(certificate.fingerprint256),
  };
}

/** `AB:CD:…` as base64url, the form that JOSE headers use. */
function thumbprint(fingerprint: string): string {
  return Buffer.from(fingerprint.replaceAll(":", ""), "hex").toString("base64url");
}
