import { invalidOption } from "../core/errors.js";

/** Environment variables, handed in by the caller: this layer does not read `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where this workload asks for its managed identity. */
export type ManagedIdentitySource =
  | { readonly kind: "imds"; readonly host: string }
  | { readonly kind: "appService"; readonly endpoint: string; readonly header: string };

/** A platform whose endpoint only @azure/identity speaks. */
export interface ForeignSource {
  readonly kind: "foreign";
  readonly platform: "Service Fabric" | "Azure Machine Learning" | "Cloud Shell" | "Azure Arc";
}

/** Link-local address of the instance metadata service, the same on every Azure virtual machine. */
export const IMDS_HOST = "http://169.254.169.254";

/** A variable's value; an empty one counts as unset, because manifests and compose files cannot omit a name. */
export function variable(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === "" ? undefined : value;
}

/**
 * Chooses the endpoint by the environment, in the order of Microsoft's own libraries.
 *
 * `undefined` means that nothing names an endpoint: an Azure virtual machine, or not Azure at all.
 */
export function managedIdentitySource(env: Environment): ManagedIdentitySource | ForeignSource | undefined {
  const endpoint = variable(env, "IDENTITY_ENDPOINT");
  const header = variable(env, "IDENTITY_HEADER");
  if (endpoint !== undefined && header !== undefined) {
    if (variable(env, "IDENTITY_SERVER_THUMBPRINT") !== undefined) {
      return { kind: "foreign", platform: "Service Fabric" };
    }
    return { kind: "appService", endpoint: httpUrl("IDENTITY_ENDPOINT", endpoint), header };
  }
  if (variable(env, "MSI_ENDPOINT") !== undefined) {
    const isMachineLearning = variable(env, "MSI_SECRET") !== undefined;
    return { kind: "foreign", platform: isMachineLearning ? "Azure Machine Learning" : "Cloud Shell" };
  }
  if (endpoint !== undefined && variable(env, "IMDS_ENDPOINT") !== undefined) {
    return { kind: "foreign", platform: "Azure Arc" };
  }
  const host = variable(env, "AZURE_POD_IDENTITY_AUTHORITY_HOST");
  if (host === undefined) return undefined;
  return { kind: "imds", host: httpUrl("AZURE_POD_IDENTITY_AUTHORITY_HOST", host).replace(/\/+$/, "") };
}

function httpUrl(name: string, value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw invalidOption(name, "an http or https address", value);
}
