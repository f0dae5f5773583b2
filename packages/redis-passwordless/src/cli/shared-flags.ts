import type { Flags } from "./flag.js";

/** Where the cache is. */
export const SERVER_FLAGS = {
  endpoint: {
    value: "HOST[:PORT]",
    text: "the cache, also as rediss://HOST:PORT",
    default: "AZURE_REDIS_HOST or AZURE_REDIS_CONNECTIONSTRING",
  },
  prefix: {
    value: "NAME",
    text: "what the names of Service Connector's variables begin with",
    default: "AZURE_REDIS",
  },
} as const satisfies Flags;

/** Who logs in. Secrets are no flags: every process of the machine can read a command line. */
export const IDENTITY_FLAGS = {
  identity: {
    value: "KIND",
    text: "environment, managed-identity, workload-identity, service-principal, azure-cli, azure-developer-cli, azure-powershell or default-azure-credential",
    default: "environment, unless the flags below say otherwise",
  },
  "client-id": { value: "GUID", text: "client ID of the user-assigned identity or of the application" },
  "object-id": { value: "GUID", text: "object ID of the user-assigned identity" },
  "resource-id": { value: "ID", text: "resource ID of the user-assigned identity" },
  "tenant-id": { value: "ID", text: "tenant of the application or of the developer" },
  "federated-token-file": {
    value: "FILE",
    text: "token of workload identity",
    default: "AZURE_FEDERATED_TOKEN_FILE",
  },
  certificate: {
    value: "FILE",
    text: "certificate and key of a service principal, PEM or PFX; its password is AZURE_CLIENT_CERTIFICATE_PASSWORD",
    default: "AZURE_CLIENT_CERTIFICATE_PATH",
  },
} as const satisfies Flags;

/** Where tokens come from. */
export const AUTHORITY_FLAGS = {
  cloud: {
    value: "NAME",
    text: "public, usgov, china, bleu, delos or govsg",
    default: "the endpoint's",
  },
  "authority-host": {
    value: "URL",
    text: "Microsoft Entra ID",
    default: "AZURE_AUTHORITY_HOST, then the cloud's",
  },
  scope: {
    value: "SCOPE",
    text: "scope of the token",
    default: "https://redis.azure.com/.default",
  },
  ca: {
    value: "FILE",
    text: "certificate authorities (PEM) to trust besides those of Node.js, for Entra ID and Redis",
  },
} as const satisfies Flags;

export const VERBOSE_FLAG = {
  verbose: { text: "more facts; never a secret" },
} as const satisfies Flags;

/** What people try, and why it is not there. */
export const REFUSED_FLAGS: Readonly<Record<string, string>> = {
  "client-secret": secret("the client secret", "AZURE_CLIENT_SECRET"),
  secret: secret("the client secret", "AZURE_CLIENT_SECRET"),
  "certificate-password": secret("the certificate's password", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
  "client-certificate-password": secret("the certificate's password", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
  password: secret("an access key", "AZURE_REDIS_PASSWORD"),
  "access-key": secret("an access key", "AZURE_REDIS_PASSWORD"),
  username:
    "The Redis user name is the object ID in the token; `redis-passwordless token --username` prints it.",
  insecure:
    "Certificates are always verified. Give the authority that has signed the certificate with --ca FILE.",
};

function secret(what: string, variable: string): string {
  return `Every process of this machine can read a command line, so ${what} is no flag: set ${variable} instead, and replace the one that was given.`;
}
