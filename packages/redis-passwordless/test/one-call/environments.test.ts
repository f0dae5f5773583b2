import { writeFileSync } from "node:fs";
import { type Emulator, type Identity, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Certificates, makeCertificates } from "../identity/support.js";
import { CLIENTS, lastLine, run, type Variables, without } from "./support.js";

// Each row is a process of its own. Its program says nothing but `azureRedis()`, so the environment decides everything.

/** As Azure writes keys: base64, with characters that mean something in an address. */
const KEY = "aB3/x+Yz9key+with/base64AzCaD0o=";
const SUBJECT = "system:serviceaccount:shop:cart";

let azure: Emulator;
let files: Certificates;
/** A user-assigned identity and an application, both trusted with the token of the pod. */
let federated: Identity;
let pod: Identity;
let certified: Identity;
let assertion: string;

beforeAll(async () => {
  files = makeCertificates();
  azure = await startEmulator({ redis: { accessKey: KEY } });
  const federatedCredentials = [{ issuer: azure.federationIssuer, subject: SUBJECT }];
  federated = azure.addManagedIdentity({ kind: "user", federatedCredentials });
  pod = azure.addServicePrincipal({ federatedCredentials });
  certified = azure.addServicePrincipal({ certificates: [files.server.cert], federatedCredentials });
  assertion = await azure.issueFederatedToken({ subject: SUBJECT });
  writeFileSync(files.path("federated"), assertion);
  writeFileSync(files.path("app.pem"), files.server.key + files.server.cert);
});
afterAll(async () => {
  await azure.close();
  files[Symbol.dispose]();
});

type Platform = "IMDS" | "App Service" | "workload identity";

/** What the platform sets, whoever is meant to log in. */
function platform(name: Platform, clientId: string): Variables {
  const { tenantId, imdsHost, appService } = azure;
  if (name === "IMDS") return { AZURE_POD_IDENTITY_AUTHORITY_HOST: imdsHost };
  if (name === "App Service") {
    return { IDENTITY_ENDPOINT: appService.endpoint, IDENTITY_HEADER: appService.header };
  }
  return {
    AZURE_CLIENT_ID: clientId,
    AZURE_TENANT_ID: tenantId,
    AZURE_FEDERATED_TOKEN_FILE: files.path("federated"),
  };
}

/** What Service Connector sets, on a platform. */
function connected(identity: Identity, on: Platform, prefix: true | string = true): Variables {
  const env = azure.env(identity, { serviceConnector: prefix });
  return { ...without(env, "AZURE_POD_IDENTITY_AUTHORITY_HOST"), ...platform(on, pod.clientId) };
}

/** The same for a key; `parts` come in the place of the host. */
function keyed(on: Platform, parts: Variables): Variables {
  return { ...without(connected(azure.systemIdentity, on), "AZURE_REDIS_HOST"), ...parts };
}

const server = (): string => `localhost:${azure.redis.port}`;
const nodeString = (key = KEY): Variables => ({
  AZURE_REDIS_CONNECTIONSTRING: `rediss://:${key}@${server()}/0`,
});
const dotNetString = (): Variables => ({
  AZURE_REDIS_CONNECTIONSTRING: `${server()},password=${KEY},ssl=True,defaultDatabase=0,abortConnect=False`,
});
const noString = (): Variables => ({
  AZURE_REDIS_HOST: "localhost",
  AZURE_REDIS_PORT: String(azure.redis.port),
  AZURE_REDIS_DATABASE: "0",
  AZURE_REDIS_PASSWORD: KEY,
  AZURE_REDIS_SSL: "true",
});
const certificate = (on: Platform): Variables => ({
  ...without(
    connected(certified, on),
    "AZURE_REDIS_CLIENTID",
    "AZURE_REDIS_CLIENTSECRET",
    "AZURE_REDIS_TENANTID",
  ),
  AZURE_CLIENT_ID: certified.clientId,
  AZURE_TENANT_ID: azure.tenantId,
  AZURE_CLIENT_CERTIFICATE_PATH: files.path("app.pem"),
});

interface Expected {
  /** `undefined`: the key logs in. */
  readonly identity: Identity | undefined;
  readonly kind?: string;
  readonly reason: RegExp;
}

interface Row extends Expected {
  readonly env: Variables;
  readonly settings?: object;
}

const system = (reason: RegExp): Expected => ({
  identity: azure.systemIdentity,
  kind: "managedIdentity",
  reason,
});
const user: () => Expected = () => ({
  identity: azure.userIdentity,
  kind: "managedIdentity",
  reason: /^AZURE_REDIS_CLIENTID is set$/,
});
const principal = (): Expected => ({
  identity: azure.servicePrincipal,
  kind: "servicePrincipal",
  reason: /^AZURE_REDIS_CLIENTID, AZURE_REDIS_CLIENTSECRET and AZURE_REDIS_TENANTID are set$/,
});
const application = (): Expected => ({
  identity: certified,
  kind: "servicePrincipal",
  reason: /^AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PATH are set$/,
});
const key = (name: string): Expected => ({
  identity: undefined,
  reason: new RegExp(`^${name} holds an access key$`),
});
const STRING = "AZURE_REDIS_CONNECTIONSTRING";
const PASSWORD = "AZURE_REDIS_PASSWORD";

type RowMaker = () => Row;

const ROWS: readonly (readonly [name: string, row: RowMaker])[] = [
  [
    "system-assigned, IMDS",
    () => ({
      env: connected(azure.systemIdentity, "IMDS"),
      ...system(/^AZURE_POD_IDENTITY_AUTHORITY_HOST is set$/),
    }),
  ],
  [
    "system-assigned, App Service",
    () => ({
      env: connected(azure.systemIdentity, "App Service"),
      ...system(/^IDENTITY_ENDPOINT and IDENTITY_HEADER are set$/),
    }),
  ],
  [
    // The cluster's nodes have an identity too; the pod's own is meant.
    "no client ID of its own, workload identity: the pod's",
    () => ({
      env: connected(azure.systemIdentity, "workload identity"),
      identity: pod,
      kind: "workloadIdentity",
      reason: /^AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and AZURE_CLIENT_ID are set$/,
    }),
  ],
  ["user-assigned, IMDS", () => ({ env: connected(azure.userIdentity, "IMDS"), ...user() })],
  ["user-assigned, App Service", () => ({ env: connected(azure.userIdentity, "App Service"), ...user() })],
  [
    "user-assigned, workload identity",
    () => ({
      env: connected(federated, "workload identity"),
      identity: federated,
      kind: "workloadIdentity",
      reason: /^AZURE_REDIS_CLIENTID, AZURE_FEDERATED_TOKEN_FILE and AZURE_TENANT_ID are set$/,
    }),
  ],
  ["client secret, IMDS", () => ({ env: connected(azure.servicePrincipal, "IMDS"), ...principal() })],
  [
    "client secret, App Service",
    () => ({ env: connected(azure.servicePrincipal, "App Service"), ...principal() }),
  ],
  [
    "client secret, workload identity",
    () => ({ env: connected(azure.servicePrincipal, "workload identity"), ...principal() }),
  ],
  ["certificate, IMDS", () => ({ env: certificate("IMDS"), ...application() })],
  ["certificate, App Service", () => ({ env: certificate("App Service"), ...application() })],
  [
    "certificate, workload identity: the cluster's own proof is used",
    () => ({
      env: certificate("workload identity"),
      identity: certified,
      kind: "workloadIdentity",
      reason: /^AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and AZURE_CLIENT_ID are set$/,
    }),
  ],
  ["key for Node.js, IMDS", () => ({ env: keyed("IMDS", nodeString()), ...key(STRING) })],
  [
    "key for Node.js, escaped, App Service",
    () => ({ env: keyed("App Service", nodeString(encodeURIComponent(KEY))), ...key(STRING) }),
  ],
  [
    "key for Node.js, workload identity",
    () => ({ env: keyed("workload identity", nodeString()), ...key(STRING) }),
  ],
  ["key for .NET, IMDS", () => ({ env: keyed("IMDS", dotNetString()), ...key(STRING) })],
  ["key for .NET, App Service", () => ({ env: keyed("App Service", dotNetString()), ...key(STRING) })],
  [
    "key for .NET, workload identity",
    () => ({ env: keyed("workload identity", dotNetString()), ...key(STRING) }),
  ],
  ["key in parts, IMDS", () => ({ env: keyed("IMDS", noString()), ...key(PASSWORD) })],
  ["key in parts, App Service", () => ({ env: keyed("App Service", noString()), ...key(PASSWORD) })],
  [
    "key in parts, workload identity",
    () => ({ env: keyed("workload identity", noString()), ...key(PASSWORD) }),
  ],
  [
    "another prefix: client secret",
    () => ({
      env: connected(azure.servicePrincipal, "App Service", "CART_CACHE"),
      settings: { prefix: "CART_CACHE" },
      ...principal(),
      reason: /^CART_CACHE_CLIENTID, CART_CACHE_CLIENTSECRET and CART_CACHE_TENANTID are set$/,
    }),
  ],
  [
    "another prefix: user-assigned, beside the variables of another cache",
    () => ({
      env: {
        ...connected(azure.userIdentity, "IMDS", "CART_CACHE"),
        AZURE_REDIS_HOST: "other.westus3.redis.azure.net",
        AZURE_REDIS_CLIENTID: pod.clientId,
      },
      settings: { prefix: "CART_CACHE" },
      ...user(),
      reason: /^CART_CACHE_CLIENTID is set$/,
    }),
  ],
  [
    "names of one's own: user-assigned",
    () => ({
      env: {
        ...without(connected(azure.userIdentity, "App Service"), "AZURE_REDIS_HOST", "AZURE_REDIS_CLIENTID"),
        CACHE: server(),
        CART_IDENTITY: azure.userIdentity.clientId,
      },
      settings: { variables: { host: "CACHE", clientId: "CART_IDENTITY" } },
      ...user(),
      reason: /^CART_IDENTITY is set$/,
    }),
  ],
  [
    "names of one's own: key",
    () => ({
      env: keyed("IMDS", { CACHE_URL: nodeString()[STRING] ?? "" }),
      settings: { variables: { connectionString: "CACHE_URL" } },
      ...key("CACHE_URL"),
    }),
  ],
  [
    "key, and the application asks for Microsoft Entra ID",
    () => ({
      env: keyed("IMDS", noString()),
      settings: { entraId: {} },
      ...system(/^AZURE_POD_IDENTITY_AUTHORITY_HOST is set$/),
    }),
  ],
];

interface Report {
  readonly whoAmI: string;
  readonly stored: string;
  readonly description: {
    readonly identity?: { readonly kind: string; readonly description: string; readonly reason: string };
    readonly accessKey?: { readonly reason: string };
    readonly error?: unknown;
  };
}

/** Everything that must not be seen, whichever row it is. */
function secrets(): string[] {
  const { servicePrincipal, appService } = azure;
  const privateKey = files.server.key.split("\n")[1] ?? "";
  return [
    KEY,
    encodeURIComponent(KEY),
    servicePrincipal.secret ?? "",
    appService.header,
    assertion,
    privateKey,
  ];
}

describe.concurrent("the environment alone decides who logs in", () => {
  test.for(ROWS.map(([name, row], index) => [name, ...CLIENTS[index % CLIENTS.length]!, row] as const))(
    "%s (%s)",
    async ([, , program, client, makeRow], context) => {
      const { expect } = context;
      const { env, settings = {}, identity, kind, reason } = makeRow();
      const ended = await run(context, program, [client, JSON.stringify(settings)], env);
      const objectId = identity?.objectId ?? "accessKey";

      // One warning, and only of the key.
      expect({ code: ended.code, stderr: ended.stderr.replace(/^\(Use `node --trace-w.*\n/m, "") }).toEqual({
        code: 0,
        stderr: identity === undefined ? expect.stringMatching(/^.*\[PASSWORDLESS_ACCESS_KEY\].*\n$/) : "",
      });
      const { whoAmI, stored, description } = lastLine<Report>(ended);
      expect({ whoAmI, stored }).toEqual({ whoAmI: objectId, stored: objectId });
      const logins = azure.events.filter((event) => event.type === "login" && event.objectId === objectId);
      expect(logins.length).toBeGreaterThan(0);

      expect(description.error).toBeUndefined();
      expect(description.identity?.kind).toBe(kind);
      expect((description.identity ?? description.accessKey)?.reason).toMatch(reason);
      const clientId = identity === azure.systemIdentity ? undefined : identity?.clientId;
      expect(ended.stdout).toContain(clientId ?? whoAmI);
      const output = ended.stdout + ended.stderr;
      for (const secret of ["eyJ", ...secrets()]) expect(output.includes(secret)).toBe(false);
    },
  );
});

test("nobody's login was refused on the way", () => {
  expect(azure.events.filter((event) => event.type === "login" && !event.accepted)).toEqual([]);
});
