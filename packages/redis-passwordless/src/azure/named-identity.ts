import { variable } from "../identity/managed-identity-source.js";
import { checkTenantId } from "../identity/validate-options.js";
import type { EntraIdOptions } from "./entra-id.js";
import { contradictory, IDENTITY_FIELDS, rejectMisspelt } from "./service-connector.js";
import type { Situation } from "./situation.js";

interface NamedIdentity {
  readonly options: EntraIdOptions;
  readonly reason: string;
}

/**
 * Service principal, workload identity or user-assigned managed identity, by Service Connector's variables.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY`, `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function identityByVariables(situation: Situation): NamedIdentity | undefined {
  const { options, variables, env } = situation;
  const { names, get } = variables;
  rejectMisspelt([...IDENTITY_FIELDS, "scope", "password"], options, variables, env);
  const [clientId, clientSecret, tenantId] = IDENTITY_FIELDS.map(get);
  if (tenantId !== undefined) checkTenantId(names.tenantId, tenantId);
  if (clientSecret !== undefined) {
    const who = {
      clientId: neededFor(situation, "clientId"),
      clientSecret,
      tenantId: neededFor(situation, "tenantId"),
    };
    hintAtOthers(situation, [
      "AZURE_FEDERATED_TOKEN_FILE",
      "AZURE_CLIENT_SECRET",
      "AZURE_CLIENT_CERTIFICATE_PATH",
    ]);
    return { options: who, reason: `${names.clientId}, ${names.clientSecret} and ${names.tenantId} are set` };
  }
  if (clientId === undefined) {
    if (tenantId !== undefined) {
      situation.hints.push(`${names.tenantId} is set without ${names.clientId}, and is not used.`);
    }
    return undefined;
  }
  return workloadIdentity(situation, clientId, tenantId) ?? userAssignedIdentity(situation, clientId);
}

function workloadIdentity(
  situation: Situation,
  clientId: string,
  ownTenantId: string | undefined,
): NamedIdentity | undefined {
  const { variables, env, hints } = situation;
  const { names } = variables;
  const federatedTokenFile = variable(env, "AZURE_FEDERATED_TOKEN_FILE");
  if (federatedTokenFile === undefined) return undefined;
  const tenantId = ownTenantId ?? variable(env, "AZURE_TENANT_ID");
  if (tenantId === undefined) {
    hints.push(
      `AZURE_FEDERATED_TOKEN_FILE is set, but neither ${names.tenantId} nor AZURE_TENANT_ID: it is not used.`,
    );
    return undefined;
  }
  const tenantName = ownTenantId === undefined ? "AZURE_TENANT_ID" : names.tenantId;
  checkTenantId(tenantName, tenantId);
  hintAtOthers(situation, ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"]);
  return {
    options: { clientId, tenantId, federatedTokenFile },
    reason: `${names.clientId}, AZURE_FEDERATED_TOKEN_FILE and ${tenantName} are set`,
  };
}

function userAssignedIdentity(situation: Situation, clientId: string): NamedIdentity {
  const { names, set } = situation.variables;
  const unused = set("tenantId");
  if (unused.length > 0) {
    situation.hints.push(`${names.tenantId} is not used: a managed identity needs no tenant.`);
  }
  hintAtOthers(situation, ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH"]);
  return { options: { managedIdentity: { clientId } }, reason: `${names.clientId} is set` };
}

/** The more specific names win; who set the others should hear of it. */
function hintAtOthers({ variables, env, hints }: Situation, proofs: readonly string[]): void {
  const { names, get } = variables;
  const clientId = variable(env, "AZURE_CLIENT_ID");
  if (clientId !== undefined && clientId !== get("clientId")) {
    hints.push(`${names.clientId} (${get("clientId")}) is used, and AZURE_CLIENT_ID (${clientId}) is not.`);
  }
  const unused = proofs.filter((name) => variable(env, name) !== undefined);
  const preference = variable(env, "AZURE_TOKEN_CREDENTIALS")?.toLowerCase();
  if (preference !== undefined && preference !== "prod") unused.push("AZURE_TOKEN_CREDENTIALS");
  if (unused.length > 0)
    hints.push(`${names.clientId} says who logs in, so ${unused.join(", ")} is not used.`);
}

function neededFor({ variables, env }: Situation, field: "clientId" | "tenantId"): string {
  const { names, get } = variables;
  const value = get(field);
  if (value !== undefined) return value;
  const standard = field === "clientId" ? "AZURE_CLIENT_ID" : "AZURE_TENANT_ID";
  const isSet = variable(env, standard) !== undefined;
  throw contradictory(
    { rule: "service-principal-incomplete", contradiction: "incompletePrincipal" },
    [names.clientSecret, names[field]],
    `${names.clientSecret} is set, and ${names[field]} is not${isSet ? ` (${standard} is, and says nothing here)` : ""}: a service principal needs both.`,
    `Set ${names[field]}, or unset ${names.clientSecret}.`,
  );
}
