import { createRequire } from "node:module";
import type { EntraIdOptions } from "../azure/entra-id.js";
import { serviceConnectorVariables } from "../azure/service-connector.js";
import { PasswordlessError } from "../core/errors.js";
import { type DeveloperCredentialName, developerCredential } from "../identity/developer-credential.js";
import { type Environment, managedIdentitySource, variable } from "../identity/managed-identity-source.js";

/** An identity that could be available where this process runs. */
export interface Candidate {
  /** For humans, unique: `service principal (AZURE_CLIENT_SECRET)`. */
  readonly name: string;
  /** `undefined`: what the environment chooses. They may hold a client secret, so no output shows them. */
  readonly options: EntraIdOptions | undefined;
  /** `yes`: the variables say that it is there. `maybe`: only asking shows. */
  readonly isAvailable: "yes" | "maybe";
}

export interface CandidateOptions {
  /** What the names of Service Connector's variables begin with. @default "AZURE_REDIS" */
  readonly prefix?: string | undefined;
  /** What holds for all of them: cloud, authority, scope, certificate authorities. */
  readonly common?: Pick<EntraIdOptions, "cloud" | "authorityHost" | "scope" | "ca"> | undefined;
  /** Whether @azure/identity can be loaded. @default looked up */
  readonly hasAzureIdentity?: boolean | undefined;
}

/**
 * Every identity that could be available here, the environment's own choice first. Nobody is asked, and nothing is
 * read but variables.
 */
export function candidatesIn(env: Environment, options: CandidateOptions = {}): Candidate[] {
  const { common = {}, hasAzureIdentity = canLoadAzureIdentity() } = options;
  const connector = serviceConnectorVariables(
    options.prefix === undefined ? {} : { prefix: options.prefix },
    env,
  );
  const own = {
    names: connector.names,
    clientId: connector.get("clientId"),
    clientSecret: connector.get("clientSecret"),
    tenantId: connector.get("tenantId"),
  };
  const choice: Candidate = { name: "environment", options: undefined, isAvailable: "yes" };
  const found = [
    ...managedIdentities(own, env),
    ...workloadIdentities(own, env),
    ...servicePrincipals(own, env),
    ...(hasAzureIdentity ? developerTools(env, common) : []),
  ];
  return [
    choice,
    ...found.map((candidate) => ({ ...candidate, options: { ...common, ...candidate.options } })),
  ];
}

/** Service Connector's variables that say who logs in. */
interface Own {
  readonly names: Readonly<Record<"clientId" | "clientSecret" | "tenantId", string>>;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  readonly tenantId: string | undefined;
}

function managedIdentities({ names, clientId }: Own, env: Environment): Candidate[] {
  const isAvailable = hasManagedIdentityEndpoint(env) ? "yes" : "maybe";
  const named = [
    ["AZURE_CLIENT_ID", variable(env, "AZURE_CLIENT_ID")],
    [names.clientId, clientId],
  ] as const;
  const seen = new Set<string>();
  return [
    { name: "managed identity, system-assigned", options: { managedIdentity: true }, isAvailable },
    ...named.flatMap(([name, id]): Candidate[] => {
      if (id === undefined || seen.has(id)) return [];
      seen.add(id);
      const options = { managedIdentity: { clientId: id } };
      // The variable may as well name an application.
      return [{ name: `managed identity of ${name}`, options, isAvailable: "maybe" }];
    }),
  ];
}

function hasManagedIdentityEndpoint(env: Environment): boolean {
  try {
    return managedIdentitySource(env) !== undefined;
  } catch (error) {
    // An address that cannot be used; whoever asks there hears why.
    if (PasswordlessError.is(error)) return true;
    throw error;
  }
}

function workloadIdentities(own: Own, env: Environment): Candidate[] {
  const federatedTokenFile = variable(env, "AZURE_FEDERATED_TOKEN_FILE");
  const tenantId = variable(env, "AZURE_TENANT_ID") ?? own.tenantId;
  if (federatedTokenFile === undefined || tenantId === undefined) return [];
  const standard = variable(env, "AZURE_CLIENT_ID");
  const found: Candidate[] = [];
  if (standard !== undefined) {
    found.push({
      name: "workload identity",
      options: { federatedTokenFile, tenantId, clientId: standard },
      isAvailable: "yes",
    });
  }
  if (own.clientId !== undefined && own.clientId !== standard) {
    found.push({
      name: `workload identity of ${own.names.clientId}`,
      options: { federatedTokenFile, tenantId: own.tenantId ?? tenantId, clientId: own.clientId },
      isAvailable: "yes",
    });
  }
  return found;
}

function servicePrincipals(own: Own, env: Environment): Candidate[] {
  const found: Candidate[] = [];
  if (own.clientId !== undefined && own.tenantId !== undefined && own.clientSecret !== undefined) {
    found.push({
      name: `service principal (${own.names.clientSecret})`,
      options: { clientId: own.clientId, tenantId: own.tenantId, clientSecret: own.clientSecret },
      isAvailable: "yes",
    });
  }
  const clientId = variable(env, "AZURE_CLIENT_ID");
  const tenantId = variable(env, "AZURE_TENANT_ID");
  if (clientId === undefined || tenantId === undefined) return found;
  const clientSecret = variable(env, "AZURE_CLIENT_SECRET");
  if (clientSecret !== undefined) {
    found.push({
      name: "service principal (AZURE_CLIENT_SECRET)",
      options: { clientId, tenantId, clientSecret },
      isAvailable: "yes",
    });
  }
  const certificate = certificateIn(env);
  if (certificate !== undefined) {
    found.push({
      name: "service principal (AZURE_CLIENT_CERTIFICATE_PATH)",
      options: { clientId, tenantId, ...certificate },
      isAvailable: "yes",
    });
  }
  return found;
}

/** The certificate that the variables of @azure/identity name, with all that belongs to it. */
export function certificateIn(
  env: Environment,
  path: string | undefined = variable(env, "AZURE_CLIENT_CERTIFICATE_PATH"),
): EntraIdOptions | undefined {
  if (path === undefined) return undefined;
  const password = variable(env, "AZURE_CLIENT_CERTIFICATE_PASSWORD");
  const sendsChain = /^(?:1|true)$/i.test(variable(env, "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN") ?? "");
  return {
    clientCertificatePath: path,
    ...(password === undefined ? {} : { clientCertificatePassword: password }),
    ...(sendsChain ? { sendCertificateChain: true } : {}),
  };
}

const TOOLS: readonly (readonly [string, DeveloperCredentialName])[] = [
  ["Azure CLI", "AzureCliCredential"],
  ["Azure Developer CLI", "AzureDeveloperCliCredential"],
  ["Azure PowerShell", "AzurePowerShellCredential"],
];

function developerTools(
  env: Environment,
  { authorityHost, ca }: NonNullable<CandidateOptions["common"]>,
): Candidate[] {
  const tenantId = variable(env, "AZURE_TENANT_ID");
  return TOOLS.map(([name, credential]) => ({
    name,
    options: { credential: developerCredential(credential, { tenantId, authorityHost, ca }) },
    isAvailable: "maybe",
  }));
}

/** Whether the optional peer is installed where this library finds it. */
export function canLoadAzureIdentity(): boolean {
  try {
    createRequire(import.meta.url).resolve("@azure/identity");
    return true;
  } catch {
    return false;
  }
}
