import { writeFileSync } from "node:fs";
import { type Emulator, type Identity, startEmulator } from "azure-redis-emulator";
import { type Certificates, makeCertificates } from "../identity/support.js";
import { type Variables, without } from "./support.js";

/** As Azure writes keys: base64, with characters that mean something in an address. */
const KEY = "aB3/x+Yz9key+with/base64AzCaD0o=";
const SUBJECT = "system:serviceaccount:shop:cart";

export type Platform = "IMDS" | "App Service" | "workload identity";

/** A cache with every kind of identity, and the variables that Azure sets to have one of them log in. */
export class Stage implements AsyncDisposable {
  readonly azure: Emulator;
  /** A user-assigned identity and two applications that are trusted with the token of the pod. */
  readonly federated: Identity;
  readonly pod: Identity;
  /** The one of them that has a certificate too. */
  readonly certified: Identity;
  readonly #files: Certificates;
  #assertion = "";

  private constructor(azure: Emulator) {
    this.azure = azure;
    this.#files = makeCertificates();
    const federatedCredentials = [{ issuer: azure.federationIssuer, subject: SUBJECT }];
    const certificates = [this.#files.server.cert];
    this.federated = azure.addManagedIdentity({ kind: "user", federatedCredentials });
    this.pod = azure.addServicePrincipal({ federatedCredentials });
    this.certified = azure.addServicePrincipal({ certificates, federatedCredentials });
  }

  static async start(): Promise<Stage> {
    const stage = new Stage(await startEmulator({ redis: { accessKey: KEY } }));
    stage.#assertion = await stage.azure.issueFederatedToken({ subject: SUBJECT });
    const { cert, key } = stage.#files.server;
    writeFileSync(stage.#files.path("federated"), stage.#assertion);
    writeFileSync(stage.#files.path("app.pem"), key + cert);
    return stage;
  }

  get server(): string {
    return `localhost:${this.azure.redis.port}`;
  }

  /** What Service Connector sets, on a platform. */
  connected(identity: Identity, on: Platform, prefix: true | string = true): Record<string, string> {
    const env = this.azure.env(identity, { serviceConnector: prefix });
    return { ...without(env, "AZURE_POD_IDENTITY_AUTHORITY_HOST"), ...this.#platform(on, this.pod) };
  }

  /** The same with Azure's own variables for an application with a certificate. */
  certificate(on: Platform): Variables {
    const { CLIENTID, CLIENTSECRET, TENANTID } = CONNECTOR;
    return {
      ...without(this.connected(this.certified, on), CLIENTID, CLIENTSECRET, TENANTID),
      AZURE_CLIENT_ID: this.certified.clientId,
      AZURE_TENANT_ID: this.azure.tenantId,
      AZURE_CLIENT_CERTIFICATE_PATH: this.#files.path("app.pem"),
    };
  }

  /** The same for a key; these come in the place of the host. */
  keyed(on: Platform, variables: Variables): Variables {
    return { ...without(this.connected(this.azure.systemIdentity, on), CONNECTOR.HOST), ...variables };
  }

  /** A key as Service Connector hands it to Node.js, the key escaped or not. */
  nodeString({ isEscaped = false } = {}): { AZURE_REDIS_CONNECTIONSTRING: string } {
    const key = isEscaped ? encodeURIComponent(KEY) : KEY;
    return { AZURE_REDIS_CONNECTIONSTRING: `rediss://:${key}@${this.server}/0` };
  }

  dotNetString(): Variables {
    const options = `password=${KEY},ssl=True,defaultDatabase=0,abortConnect=False`;
    return { AZURE_REDIS_CONNECTIONSTRING: `${this.server},${options}` };
  }

  /** A key as Service Connector hands it to an application without a client type. */
  parts(): Variables {
    return {
      AZURE_REDIS_HOST: "localhost",
      AZURE_REDIS_PORT: String(this.azure.redis.port),
      AZURE_REDIS_DATABASE: "0",
      AZURE_REDIS_PASSWORD: KEY,
      AZURE_REDIS_SSL: "true",
    };
  }

  /** Everything that no output may show. */
  secrets(): string[] {
    const { servicePrincipal, appService } = this.azure;
    const privateKey = this.#files.server.key.split("\n")[1] ?? "";
    const keys = [KEY, encodeURIComponent(KEY)];
    return ["eyJ", ...keys, servicePrincipal.secret ?? "", appService.header, this.#assertion, privateKey];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.azure.close();
    this.#files[Symbol.dispose]();
  }

  /** What the platform sets, whoever is meant to log in. */
  #platform(name: Platform, pod: Identity): Variables {
    const { tenantId, imdsHost, appService } = this.azure;
    if (name === "IMDS") return { AZURE_POD_IDENTITY_AUTHORITY_HOST: imdsHost };
    if (name === "App Service") {
      return { IDENTITY_ENDPOINT: appService.endpoint, IDENTITY_HEADER: appService.header };
    }
    return {
      AZURE_CLIENT_ID: pod.clientId,
      AZURE_TENANT_ID: tenantId,
      AZURE_FEDERATED_TOKEN_FILE: this.#files.path("federated"),
    };
  }
}

const CONNECTOR = {
  HOST: "AZURE_REDIS_HOST",
  CLIENTID: "AZURE_REDIS_CLIENTID",
  CLIENTSECRET: "AZURE_REDIS_CLIENTSECRET",
  TENANTID: "AZURE_REDIS_TENANTID",
} as const;
