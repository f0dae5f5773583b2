import { invalidOption } from "../core/errors.js";
import type { IdentityProvider } from "../core/identity-provider.js";
import type { CertificateSource } from "./certificate.js";
import { CLOUDS } from "./clouds.js";
import {
  type Environment,
  IMDS_HOST,
  type ManagedIdentitySource,
  managedIdentitySource,
  variable,
} from "./managed-identity-source.js";
import type { IdentityOptions, ManagedIdentitySelector } from "./options.js";
import type { TokenEndpoint } from "./token-endpoint.js";
import type { TokenExpectations } from "./token-response.js";
import { checkAuthorityHost, checkTenantId } from "./validate-options.js";

export type IdentityKind =
  | "managedIdentity"
  | "workloadIdentity"
  | "servicePrincipal"
  | "credential"
  | "custom"
  | "ambient"
  | "defaultAzureCredential";

/** Which identity it will be, and why; nothing is loaded or asked yet. Secrets are in the closure of `load`. */
export interface IdentityPlan {
  readonly kind: IdentityKind;
  /** For humans: `managed identity with client ID 1111…`. */
  readonly description: string;
  /** Why this one: the options or variables that decided. */
  readonly reason: string;
  /** How long one request may take unless the caller says otherwise, in milliseconds. @default core's */
  readonly requestTimeoutMs?: number | undefined;
  load(): Promise<IdentityProvider>;
}

/** Options that hold for every kind of identity, with their defaults. */
export interface CommonSettings extends TokenExpectations {
  readonly authorityHost: string;
  readonly ca: string | readonly string[] | undefined;
}

export function commonSettings(options: IdentityOptions, env: Environment): CommonSettings {
  const cloud = CLOUDS[options.cloud ?? "public"];
  return {
    scope: resolveScope(options) ?? cloud.scope,
    expectedTenantId: options.expectedTenantId,
    authorityHost: resolveAuthorityHost(options, env).replace(/\/+$/, ""),
    ca: options.ca,
  };
}

/** A managed identity, by the endpoint that the environment names. */
export function planManagedIdentity(
  selector: ManagedIdentitySelector,
  settings: CommonSettings,
  env: Environment,
  reason: string,
): IdentityPlan {
  const source = managedIdentitySource(env) ?? ({ kind: "imds", host: IMDS_HOST } as const);
  const description = describeManagedIdentity(selector);
  if (source.kind === "foreign") {
    return {
      kind: "managedIdentity",
      description: `${description} of ${source.platform} (through @azure/identity)`,
      reason,
      async load() {
        const { azureManagedIdentityCredential, TokenCredentialProvider } = await import(
          "./token-credential.js"
        );
        return new TokenCredentialProvider(
          azureManagedIdentityCredential({ ...selector }),
          settings,
          this.description,
        );
      },
    };
  }
  return {
    kind: "managedIdentity",
    description,
    reason,
    load: () => loadManagedIdentity(source, selector, settings),
  };
}

export async function loadManagedIdentity(
  source: ManagedIdentitySource,
  selector: ManagedIdentitySelector,
  settings: CommonSettings,
): Promise<IdentityProvider> {
  const { ManagedIdentityProvider } = await import("./managed-identity.js");
  return new ManagedIdentityProvider(source, selector, settings, describeManagedIdentity(selector));
}

export interface ServicePrincipalSettings {
  readonly tenantId: string;
  readonly clientId: string;
  readonly proof:
    | { readonly kind: "secret"; readonly secret: string }
    | { readonly kind: "certificate"; readonly source: CertificateSource; readonly sendChain: boolean };
}

export function planServicePrincipal(
  { tenantId, clientId, proof }: ServicePrincipalSettings,
  settings: CommonSettings,
  reason: string,
): IdentityPlan {
  const with_ = proof.kind === "secret" ? "client secret" : "certificate";
  const description = `service principal with client ID ${clientId} in tenant ${tenantId} (${with_})`;
  const endpoint = endpointOf(tenantId, clientId, settings);
  return {
    kind: "servicePrincipal",
    description,
    reason,
    async load() {
      const { ClientCertificateProvider, ClientSecretProvider } = await import("./service-principal.js");
      return proof.kind === "secret"
        ? new ClientSecretProvider(endpoint, proof.secret, description)
        : new ClientCertificateProvider(endpoint, proof.source, proof.sendChain, description);
    },
  };
}

export function planWorkloadIdentity(
  {
    tenantId,
    clientId,
    file,
  }: { readonly tenantId: string; readonly clientId: string; readonly file: string },
  settings: CommonSettings,
  reason: string,
): IdentityPlan {
  const description = `workload identity with client ID ${clientId} in tenant ${tenantId}`;
  const endpoint = endpointOf(tenantId, clientId, settings);
  return {
    kind: "workloadIdentity",
    description,
    reason,
    async load() {
      const { WorkloadIdentityProvider } = await import("./workload-identity.js");
      return new WorkloadIdentityProvider(endpoint, file, description);
    },
  };
}

export function planDefaultAzureCredential(settings: CommonSettings, reason: string): IdentityPlan {
  const description = "DefaultAzureCredential of @azure/identity";
  return {
    kind: "defaultAzureCredential",
    description,
    reason,
    async load() {
      const { defaultAzureCredential, TokenCredentialProvider } = await import("./token-credential.js");
      const credential = defaultAzureCredential({ authorityHost: settings.authorityHost, ca: settings.ca });
      return new TokenCredentialProvider(credential, settings, description);
    },
  };
}

function describeManagedIdentity({ clientId, objectId, resourceId }: ManagedIdentitySelector): string {
  if (clientId !== undefined) return `managed identity with client ID ${clientId}`;
  if (objectId !== undefined) return `managed identity with object ID ${objectId}`;
  if (resourceId !== undefined) return `managed identity ${resourceId}`;
  return "system-assigned managed identity";
}

/** The tenant that is asked is also the one that the token must come from, unless told otherwise. */
function endpointOf(tenantId: string, clientId: string, settings: CommonSettings): TokenEndpoint {
  checkTenantId("tenantId", tenantId);
  return { ...settings, tenantId, clientId, expectedTenantId: settings.expectedTenantId ?? tenantId };
}

function resolveScope({ scope, scopes }: IdentityOptions): string | undefined {
  const name = scope === undefined ? "scopes" : "scope";
  const given = scope ?? scopes;
  if (given === undefined) return undefined;
  const all: readonly unknown[] = typeof given === "string" ? [given] : given;
  const [only] = all;
  // Entra ID refuses two resources in one request (AADSTS70011), and an application asks for all it may have.
  if (all.length !== 1 || typeof only !== "string" || !/^\S+\/\.default$/.test(only)) {
    throw invalidOption(
      name,
      "one scope that ends in `/.default`, such as https://redis.azure.com/.default",
      given,
    );
  }
  return only;
}

function resolveAuthorityHost(options: IdentityOptions, env: Environment): string {
  if (options.authorityHost !== undefined) return options.authorityHost;
  if (options.cloud !== undefined) return CLOUDS[options.cloud].authorityHost;
  const fromEnvironment = variable(env, "AZURE_AUTHORITY_HOST");
  if (fromEnvironment === undefined) return CLOUDS.public.authorityHost;
  // The AKS webhook and @azure/identity write an address; some manifests write the bare host name.
  const address = /^[a-z][a-z\d+.-]*:\/\//i.test(fromEnvironment)
    ? fromEnvironment
    : `https://${fromEnvironment}`;
  checkAuthorityHost("AZURE_AUTHORITY_HOST", address);
  return address;
}
