import type {
  AccessPolicy,
  FederatedCredential,
  ManagedIdentityInit,
  ServicePrincipalInit,
  UserInit,
} from "../api.js";
import {
  checkNames,
  InputError,
  isObject,
  type JsonObject,
  optionalNumber,
  optionalString,
  present,
  requiredString,
} from "./input.js";

const COMMON = ["kind", "objectId", "clientId", "accessPolicy", "tokenLifetimeMs", "federatedCredentials"];
const MANAGED = [...COMMON, "resourceId", "cacheUntilMsBeforeExpiry"];
const APPLICATION = [...COMMON, "secret", "secretExpired", "certificates"];

/** A managed identity as it arrives over HTTP. */
export function parseManagedIdentity(kind: "system" | "user", input: JsonObject): ManagedIdentityInit {
  checkNames(input, MANAGED);
  return {
    kind,
    ...parseCommon(input),
    ...present(input, ["resourceId"], optionalString),
    ...present(input, ["cacheUntilMsBeforeExpiry"], optionalNumber),
  };
}

/** An application as it arrives over HTTP. */
export function parseServicePrincipal(input: JsonObject): ServicePrincipalInit {
  checkNames(input, APPLICATION);
  const { secretExpired, certificates } = input;
  if (secretExpired !== undefined && typeof secretExpired !== "boolean") {
    throw new InputError('"secretExpired" must be true or false.');
  }
  if (certificates !== undefined && !isArrayOf(certificates, (item) => typeof item === "string")) {
    throw new InputError('"certificates" must be an array of PEM strings.');
  }
  return {
    ...parseCommon(input),
    ...present(input, ["secret"], optionalString),
    ...(secretExpired !== undefined && { secretExpired }),
    ...(certificates !== undefined && { certificates: certificates as readonly string[] }),
  };
}

/** A person as it arrives over HTTP. */
export function parseUser(input: JsonObject): UserInit {
  checkNames(input, ["kind", "objectId", "userPrincipalName", "accessPolicy", "tokenLifetimeMs"]);
  return { ...parseCommon(input), ...present(input, ["userPrincipalName"], optionalString) };
}

function parseCommon(input: JsonObject) {
  const { accessPolicy, federatedCredentials } = input;
  if (federatedCredentials !== undefined && !isArrayOf(federatedCredentials, isObject)) {
    throw new InputError('"federatedCredentials" must be an array of { "issuer", "subject", "audience"? }.');
  }
  const policy: AccessPolicy | null | undefined =
    accessPolicy === null ? null : optionalString(input, "accessPolicy");
  return {
    ...present(input, ["objectId", "clientId"], optionalString),
    ...present(input, ["tokenLifetimeMs"], optionalNumber),
    ...(policy !== undefined && { accessPolicy: policy }),
    ...(federatedCredentials !== undefined && {
      federatedCredentials: (federatedCredentials as readonly JsonObject[]).map(parseFederatedCredential),
    }),
  };
}

function parseFederatedCredential(input: JsonObject): FederatedCredential {
  checkNames(input, ["issuer", "subject", "audience"]);
  return {
    issuer: requiredString(input, "issuer"),
    subject: requiredString(input, "subject"),
    ...present(input, ["audience"], optionalString),
  };
}

function isArrayOf(value: unknown, matches: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(matches);
}
