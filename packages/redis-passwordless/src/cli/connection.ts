import { type AzureConnectionOptions, azureConnection } from "../azure/connection.js";
import { azureEndpoint } from "../azure/endpoint.js";
import { type EntraIdOptions, identityOptionsOf } from "../azure/entra-id.js";
import { serviceConnectorVariables } from "../azure/service-connector.js";
import { PasswordlessError } from "../core/errors.js";
import type { Environment } from "../identity/managed-identity-source.js";
import { commonSettings } from "../identity/plan.js";
import { validateIdentityOptions } from "../identity/validate-options.js";
import { certificateAuthorities } from "./certificate-authorities.js";
import { identityOf } from "./identity.js";
import type { Settings } from "./settings.js";
import { UsageError } from "./usage-error.js";

/** What the flags say about cache and identity. */
export interface ConnectionSettings {
  readonly endpoint: string | undefined;
  readonly prefix: string | undefined;
  /** Who logs in; `undefined` where no flag says so. May hold a client secret. */
  readonly identity: EntraIdOptions | undefined;
  /** Where tokens come from; empty where no flag says so. */
  readonly authority: Pick<EntraIdOptions, "cloud" | "authorityHost" | "scope" | "ca">;
  /** Certificate authorities (PEM) to trust besides those of Node.js. */
  readonly ca: string | undefined;
}

/**
 * Reads the flags that doctor and token share.
 *
 * @throws {UsageError} for what nobody can have meant; what Azure or Redis refuse is for them to say
 */
export function connectionSettings(settings: Settings, env: Environment): ConnectionSettings {
  const endpoint = settings.text("endpoint");
  const prefix = settings.text("prefix");
  const ca = certificateAuthorities(settings);
  const given = {
    cloud: settings.text("cloud") as EntraIdOptions["cloud"],
    authorityHost: settings.text("authority-host"),
    scope: settings.text("scope"),
    ca: ca?.all,
  };
  const authority = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const variables = asUsage(settings, () =>
    serviceConnectorVariables(prefix === undefined ? {} : { prefix }, env),
  );
  const identity = identityOf(settings, { variables, env, authority });
  asUsage(settings, () => {
    if (endpoint !== undefined) azureEndpoint(endpoint);
    const options = identityOptionsOf({ ...authority, ...identity });
    validateIdentityOptions(options);
    commonSettings(options, {});
  });
  return { endpoint, prefix, identity, authority, ca: ca?.own };
}

/** The options of `azureConnection`; `entraId` only where flags ask for it. */
export function connectionOptions(
  { endpoint, prefix, identity, authority, ca }: ConnectionSettings,
  env: Environment,
): AzureConnectionOptions {
  const where = {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(prefix === undefined ? {} : { prefix }),
  };
  const entraId = { ...authority, ...identity };
  const names = Object.keys(entraId);
  if (names.length === 0) return where;
  // Whom to trust does not say who logs in: an access key stays one.
  const saysWho = identity !== undefined || ca === undefined || names.length > 1;
  return saysWho || !hasAccessKey(where, env) ? { ...where, entraId } : where;
}

function hasAccessKey(options: AzureConnectionOptions, env: Environment): boolean {
  try {
    return azureConnection(options, env).login.kind === "accessKey";
  } catch (error) {
    if (PasswordlessError.is(error)) return false;
    throw error;
  }
}

/** What an option of the library is called on the command line. */
const FLAG_OF: Readonly<Record<string, string>> = {
  endpoint: "endpoint",
  prefix: "prefix",
  clientId: "client-id",
  objectId: "object-id",
  resourceId: "resource-id",
  tenantId: "tenant-id",
  expectedTenantId: "tenant-id",
  federatedTokenFile: "federated-token-file",
  clientCertificatePath: "certificate",
  cloud: "cloud",
  authorityHost: "authority-host",
  scope: "scope",
  ca: "ca",
  "managedIdentity.clientId": "client-id",
  "managedIdentity.objectId": "object-id",
  "managedIdentity.resourceId": "resource-id",
};

/** Has the library's complaints about an option name the flag. Other errors pass. */
function asUsage<T>(settings: Settings, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (!PasswordlessError.is(error)) throw error;
    // An address that is understood and cannot work is something to diagnose.
    if (error.code !== "ERR_PASSWORDLESS_INVALID_OPTION") return undefined;
    const option = String(error.details["option"]);
    const flag = FLAG_OF[option];
    const source = flag === undefined ? `\`${option}\`` : settings.sourceOf(flag);
    const text = `${error.observed} ${error.remedy}`.replaceAll(`Option \`${option}\``, source);
    throw new UsageError(text.replaceAll(`\`${option}\``, source), { cause: error });
  }
}
