import type { Emulator } from "azure-redis-emulator";
import type { EntraIdOptions } from "../../../src/azure/entra-id.js";
import { systemClock } from "../../../src/core/clock.js";
import {
  type DoctorOptions,
  type DoctorReport,
  type DoctorSurroundings,
  examine,
  type StepName,
  type StepReport,
} from "../../../src/diagnose/index.js";
import type { Environment } from "../../../src/identity/managed-identity-source.js";

export function surroundings(azure: Emulator, env: Environment = {}): DoctorSurroundings {
  return {
    env: { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost, ...env },
    clock: systemClock,
    random: Math.random,
  };
}

export interface Examined extends Partial<Omit<DoctorOptions, "connection">> {
  readonly endpoint?: string;
  readonly identity?: EntraIdOptions;
  readonly env?: Environment;
  readonly around?: Partial<DoctorSurroundings>;
}

/** Examines the emulator's cache in this process, as the system-assigned identity unless told otherwise. */
export function examined(azure: Emulator, init: Examined = {}): Promise<DoctorReport> {
  const { endpoint = address(azure), identity = { managedIdentity: true }, env, around, ...options } = init;
  const connection = { endpoint, entraId: identity };
  return examine(
    { connection, ca: azure.caCertificate, ...options },
    { ...surroundings(azure, env), ...around },
  );
}

export function address({ redis }: Emulator): string {
  return `localhost:${redis.port}`;
}

/** A service principal of the emulator, by its secret. */
export function principal(
  azure: Emulator,
  { clientId, secret = "" }: { readonly clientId: string; readonly secret?: string } = azure.servicePrincipal,
): EntraIdOptions {
  const { tenantId, authorityHost, caCertificate: ca } = azure;
  return { tenantId, clientId, clientSecret: secret, authorityHost, ca };
}

export function step({ steps }: { readonly steps: readonly StepReport[] }, name: StepName): StepReport {
  const found = steps.find((step) => step.name === name);
  if (found === undefined) throw new Error(`There is no step ${name}.`);
  return found;
}

/** `tls failed`, for all steps that are not ok. */
export function notOk({ steps }: DoctorReport): string[] {
  return steps.filter(({ status }) => status !== "ok").map(({ name, status }) => `${name} ${status}`);
}

export function rules({ findings }: Pick<DoctorReport, "findings">): string[] {
  return findings.map(({ rule, certainty, severity }) => `${rule} ${certainty} ${severity}`);
}
