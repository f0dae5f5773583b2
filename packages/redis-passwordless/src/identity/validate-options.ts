import { accessSync, constants } from "node:fs";
import { invalidOption, PasswordlessError } from "../core/errors.js";
import { rejectUnknownOptions } from "../core/unknown-options.js";
import { CLOUDS } from "./clouds.js";
import { isGuid } from "./guid.js";
import { IDENTITY_OPTION_ALIASES, IDENTITY_OPTION_NAMES, type IdentityOptions } from "./options.js";

type OptionName = keyof IdentityOptions;

const SECRETS: ReadonlySet<OptionName> = new Set([
  "clientSecret",
  "clientCertificate",
  "clientCertificatePassword",
]);
const TEXTS = [
  "clientId",
  "objectId",
  "resourceId",
  "tenantId",
  "clientSecret",
  "clientCertificatePath",
  "federatedTokenFile",
  "authorityHost",
  "expectedTenantId",
] as const;

/** Options that say who we are, and which others may stand beside them. */
const COMPANIONS: Readonly<Partial<Record<OptionName, readonly OptionName[]>>> = {
  identityProvider: [],
  credential: [],
  managedIdentity: ["clientId", "objectId", "resourceId"],
  objectId: ["managedIdentity"],
  resourceId: ["managedIdentity"],
  federatedTokenFile: ["clientId", "tenantId"],
  clientSecret: ["clientId", "tenantId"],
  clientCertificate: ["clientId", "tenantId", "clientCertificatePassword", "sendCertificateChain"],
  clientCertificatePath: ["clientId", "tenantId", "clientCertificatePassword", "sendCertificateChain"],
};
const IDENTIFYING: readonly OptionName[] = [
  ...(Object.keys(COMPANIONS) as OptionName[]),
  "clientId",
  "tenantId",
  "clientCertificatePassword",
  "sendCertificateChain",
];

/**
 * Checks everything that can be known without asking anybody.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`
 */
export function validateIdentityOptions(options: IdentityOptions): void {
  if (typeof options !== "object" || options === null) throw invalidOption("options", "an object", options);
  rejectUnknownOptions(options, IDENTITY_OPTION_NAMES, IDENTITY_OPTION_ALIASES);
  for (const name of TEXTS) checkText(name, options[name]);
  checkTypes(options);
  checkAddresses(options);
  checkManagedIdentity(options);
  checkContradictions(options);
  checkCertificate(options);
}

/** The error for two options of which only one can be meant, or of which one needs the other. */
export function optionConflict(
  one: string,
  other: string,
  message: string,
  remedy: string,
): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message,
    remedy,
    details: { option: one, otherOption: other },
  });
}

function checkText(name: OptionName, value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "string" && value.trim() !== "") return;
  throw invalidOption(name, "a text that is not empty", SECRETS.has(name) ? undefined : value);
}

function checkTypes(options: IdentityOptions): void {
  const { clientCertificate, clientCertificatePassword, sendCertificateChain, credential, identityProvider } =
    options;
  if (clientCertificate !== undefined) {
    const isUsable = typeof clientCertificate === "string" || clientCertificate instanceof Uint8Array;
    if (!isUsable || clientCertificate.length === 0) {
      throw invalidOption("clientCertificate", "PEM text, PFX bytes, or PFX as base64 text");
    }
  }
  // An empty password is a password: Key Vault exports PFX files with one.
  if (clientCertificatePassword !== undefined && typeof clientCertificatePassword !== "string") {
    throw invalidOption("clientCertificatePassword", "a text");
  }
  if (sendCertificateChain !== undefined && typeof sendCertificateChain !== "boolean") {
    throw invalidOption("sendCertificateChain", "true or false", sendCertificateChain);
  }
  if (
    credential !== undefined &&
    typeof (credential as { getToken?: unknown } | null)?.getToken !== "function"
  ) {
    throw invalidOption("credential", "an object with `getToken(scopes, { abortSignal })`", credential);
  }
  if (identityProvider !== undefined && !isCustomProvider(identityProvider)) {
    throw invalidOption(
      "identityProvider",
      "a function or an object with `requestToken({ signal })`",
      identityProvider,
    );
  }
}

function isCustomProvider(value: unknown): boolean {
  return (
    typeof value === "function" ||
    typeof (value as { requestToken?: unknown } | null)?.requestToken === "function"
  );
}

function checkAddresses({ cloud, authorityHost, ca, tenantId, expectedTenantId }: IdentityOptions): void {
  if (cloud !== undefined && !Object.hasOwn(CLOUDS, cloud)) {
    throw invalidOption(
      "cloud",
      Object.keys(CLOUDS)
        .map((name) => `"${name}"`)
        .join(", "),
      cloud,
    );
  }
  if (authorityHost !== undefined) checkAuthorityHost("authorityHost", authorityHost);
  if (ca !== undefined) {
    const all = typeof ca === "string" ? [ca] : ca;
    const isPem = (text: unknown) => typeof text === "string" && text.includes("-----BEGIN CERTIFICATE-----");
    if (!Array.isArray(all) || all.length === 0 || !all.every(isPem)) {
      throw invalidOption("ca", "certificates as PEM text, one or a list");
    }
  }
  if (tenantId !== undefined) checkTenantId("tenantId", tenantId);
  if (expectedTenantId !== undefined && !isGuid(expectedTenantId)) {
    throw invalidOption("expectedTenantId", "a tenant ID (GUID)", expectedTenantId);
  }
}

/** @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` unless it is an https address without user and query */
export function checkAuthorityHost(name: string, value: string): void {
  const accepts = "an https address such as https://login.microsoftonline.com";
  // An address may carry a password, so what cannot be read is not shown.
  if (!URL.canParse(value)) throw invalidOption(name, accepts);
  const url = new URL(value);
  if (url.username !== "" || url.password !== "" || url.search !== "") throw invalidOption(name, accepts);
  if (url.protocol !== "https:") throw invalidOption(name, accepts, value);
}

/** The characters that @azure/identity allows: the value becomes part of an address. */
export function checkTenantId(name: string, value: string): void {
  if (!/^[\dA-Za-z.-]+$/.test(value)) throw invalidOption(name, "a tenant ID (GUID) or domain name", value);
}

function checkManagedIdentity({ managedIdentity, resourceId }: IdentityOptions): void {
  if (resourceId !== undefined) checkResourceId("resourceId", resourceId);
  if (managedIdentity === undefined || managedIdentity === true) return;
  if (typeof managedIdentity !== "object" || managedIdentity === null) {
    throw invalidOption(
      "managedIdentity",
      "true, or { clientId }, { objectId } or { resourceId }",
      managedIdentity,
    );
  }
  rejectUnknownOptions(managedIdentity, ["clientId", "objectId", "resourceId"], IDENTITY_OPTION_ALIASES);
  const given = Object.entries(managedIdentity).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    if (typeof value !== "string" || value.trim() === "") {
      throw invalidOption(`managedIdentity.${name}`, "a text that is not empty", value);
    }
  }
  const [first, second] = given;
  if (first === undefined) {
    throw invalidOption(
      "managedIdentity",
      "true, or { clientId }, { objectId } or { resourceId }",
      managedIdentity,
    );
  }
  if (second !== undefined)
    throw contradiction(`managedIdentity.${first[0]}`, `managedIdentity.${second[0]}`);
  if (managedIdentity.resourceId !== undefined) {
    checkResourceId("managedIdentity.resourceId", managedIdentity.resourceId);
  }
}

function checkResourceId(name: string, value: string): void {
  if (!value.startsWith("/"))
    throw invalidOption(name, "/subscriptions/…/userAssignedIdentities/<name>", value);
}

function checkContradictions(options: IdentityOptions): void {
  const given = IDENTIFYING.filter((name) => options[name] !== undefined);
  for (const name of given) {
    const companions = COMPANIONS[name];
    const other = companions && given.find((other) => other !== name && !companions.includes(other));
    if (other !== undefined) throw contradiction(name, other);
  }
  const { managedIdentity, scope, scopes } = options;
  if (typeof managedIdentity === "object") {
    const other = (["clientId", "objectId", "resourceId"] as const).find(
      (name) => options[name] !== undefined,
    );
    if (other !== undefined) throw contradiction("managedIdentity", other);
  }
  if (scope !== undefined && scopes !== undefined) throw contradiction("scope", "scopes");
}

function contradiction(one: string, other: string): PasswordlessError {
  const message = `Options \`${one}\` and \`${other}\` exclude each other.`;
  return optionConflict(one, other, message, "Keep the one that is meant.");
}

function checkCertificate(options: IdentityOptions): void {
  const { clientCertificate, clientCertificatePath } = options;
  const hasCertificate = clientCertificate !== undefined || clientCertificatePath !== undefined;
  for (const name of ["clientCertificatePassword", "sendCertificateChain"] as const) {
    if (options[name] === undefined || hasCertificate) continue;
    throw optionConflict(
      name,
      "clientCertificate",
      `Option \`${name}\` is given without \`clientCertificate\` or \`clientCertificatePath\`.`,
      `Give the certificate too, or leave \`${name}\` out.`,
    );
  }
  if (clientCertificatePath === undefined) return;
  try {
    accessSync(clientCertificatePath, constants.R_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
      message: `Option \`clientCertificatePath\` names a file that cannot be read (${code ?? "unknown error"}): ${clientCertificatePath}.`,
      remedy: "`clientCertificatePath` accepts the path of a PEM or PFX file that this process may read.",
      cause: error,
      details: { option: "clientCertificatePath" },
    });
  }
}
