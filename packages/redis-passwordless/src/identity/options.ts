import type { CloudName } from "./clouds.js";
import type { TokenCredential } from "./credential.js";
import type { CustomIdentityProvider } from "./custom-provider.js";

/** Names a user-assigned managed identity in one of three ways; none of them is the system-assigned identity. */
export interface ManagedIdentitySelector {
  readonly clientId?: string | undefined;
  readonly objectId?: string | undefined;
  /** `/subscriptions/…/userAssignedIdentities/name` */
  readonly resourceId?: string | undefined;
}

/**
 * Who logs in to Redis. What is given decides:
 *
 * | given | identity |
 * |---|---|
 * | nothing | the environment decides, see `identityFromEnvironment` |
 * | `clientId`, `objectId` or `resourceId` | user-assigned managed identity; `clientId` on AKS with workload identity: that |
 * | `managedIdentity: true` | system-assigned managed identity |
 * | `tenantId`, `clientId` and `clientSecret` | service principal with a secret |
 * | `tenantId`, `clientId` and `clientCertificate` or `clientCertificatePath` | service principal with a certificate |
 * | `federatedTokenFile` | workload identity; `tenantId` and `clientId` default to the environment's |
 * | `credential` | any `TokenCredential`, such as those of @azure/identity |
 * | `identityProvider` | a source of tokens of your own |
 */
export interface IdentityOptions {
  /** Client (application) ID of the managed identity or the application. */
  readonly clientId?: string | undefined;
  /** Object (principal) ID of a user-assigned managed identity. */
  readonly objectId?: string | undefined;
  /** Azure resource ID of a user-assigned managed identity. */
  readonly resourceId?: string | undefined;
  /** `true`, or a user-assigned identity: always the managed identity endpoint, whatever the environment offers. */
  readonly managedIdentity?: true | ManagedIdentitySelector | undefined;
  /** Tenant (directory) ID or domain of the service principal. */
  readonly tenantId?: string | undefined;
  /** The secret's value. */
  readonly clientSecret?: string | undefined;
  /** Certificate with its private key: PEM text, PFX bytes, or PFX as base64 text (as Key Vault gives it). */
  readonly clientCertificate?: string | Uint8Array | undefined;
  /** File with the certificate and its private key, PEM or PFX; read again for each token. */
  readonly clientCertificatePath?: string | undefined;
  /** Password of the PFX or of the PEM's private key. */
  readonly clientCertificatePassword?: string | undefined;
  /**
   * Sends the certificate along (`x5c`), for applications that trust a subject name and issuer.
   * @default false
   */
  readonly sendCertificateChain?: boolean | undefined;
  /** File with the federated token; read again for each token. */
  readonly federatedTokenFile?: string | undefined;
  /**
   * Anything with `getToken(scopes, { abortSignal })`. One that asks a person to sign in (`DeviceCodeCredential`,
   * `InteractiveBrowserCredential`) asks once at a time, and `requestTimeoutMs` is then 15 minutes by default.
   */
  readonly credential?: TokenCredential | undefined;
  readonly identityProvider?: CustomIdentityProvider | undefined;
  /**
   * Scope of the token.
   * @default "https://redis.azure.com/.default"
   */
  readonly scope?: string | undefined;
  /** The same, as other libraries call it: one scope, or a list of one. */
  readonly scopes?: string | readonly string[] | undefined;
  /**
   * Which cloud the tenant lives in.
   * @default "public"
   */
  readonly cloud?: CloudName | undefined;
  /**
   * Base address of Microsoft Entra ID, `https://…`.
   * @default `AZURE_AUTHORITY_HOST`, then the cloud's
   */
  readonly authorityHost?: string | undefined;
  /** Certificate authorities (PEM) to trust, instead of the system's, when speaking to the authority. */
  readonly ca?: string | readonly string[] | undefined;
  /**
   * Refuses tokens of any other tenant (GUID).
   * @default `tenantId`, when that is a GUID
   */
  readonly expectedTenantId?: string | undefined;
}

/** Options with which the caller says who logs in; all others say how. */
export const IDENTIFYING_OPTION_NAMES = [
  "clientId",
  "objectId",
  "resourceId",
  "managedIdentity",
  "tenantId",
  "clientSecret",
  "clientCertificate",
  "clientCertificatePath",
  "federatedTokenFile",
  "credential",
  "identityProvider",
] as const satisfies readonly (keyof IdentityOptions)[];

/** Every name in {@link IdentityOptions}, for whoever takes them in one object with options of its own. */
export const IDENTITY_OPTION_NAMES = [
  ...IDENTIFYING_OPTION_NAMES,
  "clientCertificatePassword",
  "sendCertificateChain",
  "scope",
  "scopes",
  "cloud",
  "authorityHost",
  "ca",
  "expectedTenantId",
] as const satisfies readonly (keyof IdentityOptions)[];

/** What other libraries call the same thing. */
export const IDENTITY_OPTION_ALIASES: Readonly<Record<string, keyof IdentityOptions>> = {
  authority: "authorityHost",
  certificate: "clientCertificate",
  certificatePassword: "clientCertificatePassword",
  certificatePath: "clientCertificatePath",
  managedIdentityClientId: "clientId",
  managedIdentityResourceId: "resourceId",
  password: "clientCertificatePassword",
  principalId: "objectId",
  secret: "clientSecret",
  tenant: "tenantId",
  tokenCredential: "credential",
  tokenFilePath: "federatedTokenFile",
  userAssignedClientId: "clientId",
  userAssignedObjectId: "objectId",
  userAssignedResourceId: "resourceId",
  workloadIdentityClientId: "clientId",
};
