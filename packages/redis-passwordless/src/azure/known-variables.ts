import type { ServiceConnectorField, ServiceConnectorVariables } from "./service-connector.js";

/** A variable that may decide something, and what it says. */
export interface KnownVariable {
  readonly name: string;
  readonly purpose: string;
  readonly isSecret: boolean;
  /** Whether `DefaultAzureCredential` reads it too. */
  readonly isStandard: boolean;
  /** The variable without which this one says nothing; it counts as used together with that one. */
  readonly companionOf?: string;
}

const OWN: Readonly<Record<ServiceConnectorField, string>> = {
  host: "host name of the cache",
  port: "port of the cache",
  database: "number of the database",
  ssl: "whether the connection is encrypted",
  connectionString: "address and access key of the cache",
  password: "access key",
  clientId: "client ID of the identity",
  clientSecret: "secret of the service principal",
  tenantId: "tenant of the identity",
  scope: "scope of the token",
};
const OWN_SECRETS: ReadonlySet<string> = new Set<ServiceConnectorField>([
  "connectionString",
  "password",
  "clientSecret",
]);

/** @see https://learn.microsoft.com/azure/developer/javascript/sdk/authentication */
const STANDARD: Readonly<Record<string, string>> = {
  AZURE_TOKEN_CREDENTIALS: "which credentials may be tried",
  AZURE_CLIENT_ID: "client ID of the identity",
  AZURE_TENANT_ID: "tenant of the identity",
  AZURE_CLIENT_SECRET: "secret of the service principal",
  AZURE_CLIENT_CERTIFICATE_PATH: "certificate of the service principal",
  AZURE_CLIENT_CERTIFICATE_PASSWORD: "password of the certificate",
  AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: "whether the certificate is sent along",
  AZURE_FEDERATED_TOKEN_FILE: "federated token of the workload identity",
  AZURE_AUTHORITY_HOST: "where Microsoft Entra ID is asked",
  AZURE_POD_IDENTITY_AUTHORITY_HOST: "address of the metadata service",
  IDENTITY_ENDPOINT: "address of the managed identity endpoint",
  IDENTITY_HEADER: "password of the managed identity endpoint",
  IDENTITY_SERVER_THUMBPRINT: "certificate of Service Fabric's identity endpoint",
  IMDS_ENDPOINT: "metadata service of Azure Arc",
  MSI_ENDPOINT: "identity endpoint of Azure Machine Learning or Cloud Shell",
  MSI_SECRET: "password of Azure Machine Learning's identity endpoint",
};
const STANDARD_SECRETS: ReadonlySet<string> = new Set([
  "AZURE_CLIENT_SECRET",
  "AZURE_CLIENT_CERTIFICATE_PASSWORD",
  "IDENTITY_HEADER",
  "MSI_SECRET",
]);
const CERTIFICATE = "AZURE_CLIENT_CERTIFICATE_PATH";
const COMPANIONS: Readonly<Record<string, string>> = {
  AZURE_CLIENT_CERTIFICATE_PASSWORD: CERTIFICATE,
  AZURE_CLIENT_SEND_CERTIFICATE_CHAIN: CERTIFICATE,
};

/** Every variable that is looked at: Service Connector's by their names here, then Azure's own. */
export function knownVariables({ names }: ServiceConnectorVariables): KnownVariable[] {
  const own = (Object.keys(OWN) as ServiceConnectorField[]).map((field) => ({
    name: names[field],
    purpose: OWN[field],
    isSecret: OWN_SECRETS.has(field),
    isStandard: false,
  }));
  const ownNames = new Set(own.map(({ name }) => name));
  const standard = Object.entries(STANDARD).map(([name, purpose]) => {
    const companionOf = COMPANIONS[name];
    return {
      name,
      purpose,
      isSecret: STANDARD_SECRETS.has(name),
      isStandard: true,
      ...(companionOf === undefined ? {} : { companionOf }),
    };
  });
  return [...own, ...standard.filter(({ name }) => !ownNames.has(name))];
}
