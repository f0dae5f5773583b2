import type { EntraIdOptions } from "../azure/entra-id.js";
import type { ServiceConnectorVariables } from "../azure/service-connector.js";
import { certificateIn } from "../diagnose/candidates.js";
import { type DeveloperCredentialName, developerCredential } from "../identity/developer-credential.js";
import { isGuid } from "../identity/guid.js";
import { type Environment, variable } from "../identity/managed-identity-source.js";
import type { Settings } from "./settings.js";
import { UsageError } from "./usage-error.js";

type IdentityFlag =
  | "client-id"
  | "object-id"
  | "resource-id"
  | "tenant-id"
  | "federated-token-file"
  | "certificate";

interface Surroundings {
  /** Absent when the prefix cannot be used. */
  readonly variables: ServiceConnectorVariables | undefined;
  readonly env: Environment;
  readonly authority: Pick<EntraIdOptions, "authorityHost" | "ca">;
}

interface Kind {
  /** The flags that it can use; any other was meant for another identity. */
  readonly takes: readonly IdentityFlag[];
  readonly options: (settings: Settings, surroundings: Surroundings) => EntraIdOptions | undefined;
}

const IDENTITY_FLAGS: readonly IdentityFlag[] = [
  "client-id",
  "object-id",
  "resource-id",
  "tenant-id",
  "federated-token-file",
  "certificate",
];

const KINDS = {
  environment: { takes: [], options: () => undefined },
  "managed-identity": { takes: ["client-id", "object-id", "resource-id"], options: managedIdentity },
  "workload-identity": {
    takes: ["client-id", "tenant-id", "federated-token-file"],
    options: workloadIdentity,
  },
  "service-principal": { takes: ["client-id", "tenant-id", "certificate"], options: servicePrincipal },
  "azure-cli": { takes: ["tenant-id"], options: tool("AzureCliCredential") },
  "azure-developer-cli": { takes: ["tenant-id"], options: tool("AzureDeveloperCliCredential") },
  "azure-powershell": { takes: ["tenant-id"], options: tool("AzurePowerShellCredential") },
  "default-azure-credential": {
    takes: ["tenant-id", "client-id"],
    options: tool("DefaultAzureCredential"),
  },
} as const satisfies Readonly<Record<string, Kind>>;

type KindName = keyof typeof KINDS;

/** What `--identity` accepts. */
export const IDENTITY_KINDS = Object.keys(KINDS) as readonly KindName[];

/**
 * Who logs in, by the flags; `undefined` when the environment decides. Secrets come from the variables in which
 * @azure/identity and Service Connector have them.
 *
 * @throws {UsageError} for flags that do not go together, or of which one is missing
 */
export function identityOf(settings: Settings, surroundings: Surroundings): EntraIdOptions | undefined {
  const chosen = settings.choice("identity", IDENTITY_KINDS);
  const name = chosen ?? likelyKind(settings, surroundings.env);
  if (name === undefined) return clientIdAlone(settings);
  const kind: Kind = KINDS[name];
  const stray = IDENTITY_FLAGS.find((flag) => settings.has(flag) && !kind.takes.includes(flag));
  if (stray !== undefined) {
    const takes =
      kind.takes.length === 0 ? "no other flag" : kind.takes.map((flag) => `--${flag}`).join(", ");
    throw new UsageError(
      `${settings.sourceOf(stray)} says nothing about the identity ${name}, which takes ${takes}.`,
    );
  }
  return kind.options(settings, surroundings);
}

/** What the flags can only mean. */
function likelyKind(settings: Settings, env: Environment): KindName | undefined {
  if (settings.has("certificate")) return "service-principal";
  if (settings.has("federated-token-file")) return "workload-identity";
  if (settings.has("object-id") || settings.has("resource-id")) return "managed-identity";
  if (!settings.has("tenant-id")) return settings.has("client-id") ? undefined : "environment";
  if (variable(env, "AZURE_CLIENT_SECRET") !== undefined) return "service-principal";
  if (variable(env, "AZURE_FEDERATED_TOKEN_FILE") !== undefined) return "workload-identity";
  throw new UsageError(
    `${settings.sourceOf("tenant-id")} does not say which identity is meant: give --identity, which takes ${IDENTITY_KINDS.join(", ")}.`,
  );
}

/** As `entraId({ clientId })`: workload identity where its variables are, else a managed identity. */
function clientIdAlone(settings: Settings): EntraIdOptions {
  return { clientId: settings.text("client-id") };
}

function managedIdentity(settings: Settings): EntraIdOptions {
  const [clientId, objectId, resourceId] = (["client-id", "object-id", "resource-id"] as const).map((flag) =>
    settings.text(flag),
  );
  if (clientId !== undefined) return { managedIdentity: { clientId } };
  if (objectId !== undefined) return { managedIdentity: { objectId } };
  return { managedIdentity: resourceId === undefined ? true : { resourceId } };
}

function workloadIdentity(settings: Settings, { variables, env }: Surroundings): EntraIdOptions {
  const file = settings.text("federated-token-file") ?? variable(env, "AZURE_FEDERATED_TOKEN_FILE");
  return {
    federatedTokenFile: needed(file, "--federated-token-file", "AZURE_FEDERATED_TOKEN_FILE"),
    clientId: needed(
      settings.text("client-id") ?? variables?.get("clientId") ?? variable(env, "AZURE_CLIENT_ID"),
      "--client-id",
      "AZURE_CLIENT_ID",
    ),
    tenantId: needed(
      settings.text("tenant-id") ?? variables?.get("tenantId") ?? variable(env, "AZURE_TENANT_ID"),
      "--tenant-id",
      "AZURE_TENANT_ID",
    ),
  };
}

function servicePrincipal(settings: Settings, { variables, env }: Surroundings): EntraIdOptions {
  const certificate = settings.text("certificate");
  // Service Connector's variables belong together, and so do Azure's; a mixture is nobody's.
  const ownSecret = certificate === undefined ? variables?.get("clientSecret") : undefined;
  const isOwn = ownSecret !== undefined;
  const clientId = isOwn ? variables?.get("clientId") : variable(env, "AZURE_CLIENT_ID");
  const tenantId = isOwn ? variables?.get("tenantId") : variable(env, "AZURE_TENANT_ID");
  const who = {
    clientId: needed(settings.text("client-id") ?? clientId, "--client-id", "AZURE_CLIENT_ID"),
    tenantId: needed(settings.text("tenant-id") ?? tenantId, "--tenant-id", "AZURE_TENANT_ID"),
  };
  if (certificate !== undefined) return { ...who, ...certificateIn(env, certificate) };
  const clientSecret = ownSecret ?? variable(env, "AZURE_CLIENT_SECRET");
  if (clientSecret !== undefined) return { ...who, clientSecret };
  const fromEnvironment = certificateIn(env);
  if (fromEnvironment !== undefined) return { ...who, ...fromEnvironment };
  throw new UsageError(
    "A service-principal identity needs a proof: set AZURE_CLIENT_SECRET (a secret is no flag), or give --certificate.",
  );
}

function tool(name: DeveloperCredentialName): Kind["options"] {
  return (settings, { authority, env }) => {
    const tenantId = settings.text("tenant-id");
    const credential = developerCredential(name, {
      tenantId,
      authorityHost: authority.authorityHost ?? variable(env, "AZURE_AUTHORITY_HOST"),
      managedIdentityClientId: settings.text("client-id"),
      ca: authority.ca,
    });
    return {
      credential,
      ...(tenantId !== undefined && isGuid(tenantId) ? { expectedTenantId: tenantId } : {}),
    };
  };
}

function needed(value: string | undefined, flag: string, name: string): string {
  if (value !== undefined) return value;
  throw new UsageError(`${flag} is missing: give it, or set ${name}.`);
}
