import { type Environment, IMDS_HOST, managedIdentitySource, variable } from "./managed-identity-source.js";
import type { IdentityOptions } from "./options.js";
import {
  type CommonSettings,
  commonSettings,
  type IdentityPlan,
  loadManagedIdentity,
  planDefaultAzureCredential,
  planManagedIdentity,
  planServicePrincipal,
  planWorkloadIdentity,
} from "./plan.js";

/**
 * Decides by the environment alone who we are. The first rule that applies:
 *
 * 1. `AZURE_TOKEN_CREDENTIALS` other than `prod`: `DefaultAzureCredential`, whose variable it is.
 * 2. `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`: workload identity (AKS sets them).
 * 3. `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`, else `AZURE_CLIENT_CERTIFICATE_PATH`:
 *    service principal.
 * 4. `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` (App Service, Functions, Container Apps), or the variables of another
 *    platform: managed identity. As with @azure/identity, `AZURE_CLIENT_ID` then names a user-assigned one.
 * 5. `AZURE_POD_IDENTITY_AUTHORITY_HOST`, or `AZURE_TOKEN_CREDENTIALS=prod`: managed identity of the metadata service.
 * 6. Nothing: the metadata service's if it answers and has one (a virtual machine), else a developer's login through
 *    `DefaultAzureCredential`.
 *
 * Workload identity comes first because its variables exist only where a cluster injects them, whereas a stray
 * secret is often left over.
 *
 * @param env the variables; nothing else is read
 * @param options what the caller settled: scope, cloud, authority
 */
export function planFromEnvironment(env: Environment, options: IdentityOptions = {}): IdentityPlan {
  const settings = commonSettings(options, env);
  const preference = variable(env, "AZURE_TOKEN_CREDENTIALS")?.toLowerCase();
  if (preference !== undefined && preference !== "prod") {
    return planDefaultAzureCredential(settings, `AZURE_TOKEN_CREDENTIALS is "${preference}"`);
  }
  return (
    workloadIdentity(env, settings) ??
    servicePrincipal(env, settings) ??
    managedIdentity(env, settings) ??
    ambient(env, settings)
  );
}

function workloadIdentity(env: Environment, settings: CommonSettings): IdentityPlan | undefined {
  const file = variable(env, "AZURE_FEDERATED_TOKEN_FILE");
  const tenantId = variable(env, "AZURE_TENANT_ID");
  const clientId = variable(env, "AZURE_CLIENT_ID");
  if (file === undefined || tenantId === undefined || clientId === undefined) return undefined;
  const reason = "AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and AZURE_CLIENT_ID are set";
  return planWorkloadIdentity({ tenantId, clientId, file }, settings, reason);
}

function servicePrincipal(env: Environment, settings: CommonSettings): IdentityPlan | undefined {
  const tenantId = variable(env, "AZURE_TENANT_ID");
  const clientId = variable(env, "AZURE_CLIENT_ID");
  if (tenantId === undefined || clientId === undefined) return undefined;
  const secret = variable(env, "AZURE_CLIENT_SECRET");
  if (secret !== undefined) {
    const reason = "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are set";
    return planServicePrincipal({ tenantId, clientId, proof: { kind: "secret", secret } }, settings, reason);
  }
  const path = variable(env, "AZURE_CLIENT_CERTIFICATE_PATH");
  if (path === undefined) return undefined;
  const password = variable(env, "AZURE_CLIENT_CERTIFICATE_PASSWORD");
  const sendChain = /^(?:1|true)$/i.test(variable(env, "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN") ?? "");
  const source = { option: "AZURE_CLIENT_CERTIFICATE_PATH", path, password } as const;
  const reason = "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PATH are set";
  return planServicePrincipal(
    { tenantId, clientId, proof: { kind: "certificate", source, sendChain } },
    settings,
    reason,
  );
}

function managedIdentity(env: Environment, settings: CommonSettings): IdentityPlan | undefined {
  const source = managedIdentitySource(env);
  const isProduction = variable(env, "AZURE_TOKEN_CREDENTIALS")?.toLowerCase() === "prod";
  if (source === undefined && !isProduction) return undefined;
  const clientId = variable(env, "AZURE_CLIENT_ID");
  const which = clientId === undefined ? "" : ", and AZURE_CLIENT_ID names the identity";
  return planManagedIdentity({ clientId }, settings, env, `${reasonOf(source?.kind)}${which}`);
}

function reasonOf(kind: "imds" | "appService" | "foreign" | undefined): string {
  if (kind === "appService") return "IDENTITY_ENDPOINT and IDENTITY_HEADER are set";
  if (kind === "imds") return "AZURE_POD_IDENTITY_AUTHORITY_HOST is set";
  if (kind === "foreign") return "the variables of a platform with an identity endpoint are set";
  return 'AZURE_TOKEN_CREDENTIALS is "prod"';
}

function ambient(env: Environment, settings: CommonSettings): IdentityPlan {
  const clientId = variable(env, "AZURE_CLIENT_ID");
  const which = clientId === undefined ? "" : "; AZURE_CLIENT_ID names the managed identity";
  const reason = `no variable says what kind of identity it is${which}`;
  const managed = clientId === undefined ? "managed identity" : `managed identity with client ID ${clientId}`;
  const description = `${managed} of this machine, or the login of its developer`;
  return {
    kind: "ambient",
    description,
    reason,
    async load() {
      const { AmbientProvider } = await import("./ambient.js");
      const source = { kind: "imds", host: IMDS_HOST } as const;
      const [managedIdentity, developer] = await Promise.all([
        loadManagedIdentity(source, { clientId }, settings),
        planDefaultAzureCredential(settings, reason).load(),
      ]);
      const probeUrl = `${IMDS_HOST}/metadata/identity/oauth2/token`;
      return new AmbientProvider(
        { managedIdentity, developer, probeUrl, isNamed: clientId !== undefined },
        description,
      );
    },
  };
}
