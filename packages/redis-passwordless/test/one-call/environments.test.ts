import type { Identity } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Stage } from "./stage.js";
import { CLIENTS, lastLine, run, type Variables, without } from "./support.js";

// Each row is a process of its own. Its program says nothing but `azureRedis()`, so the environment decides everything.

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.start();
});
afterAll(() => stage[Symbol.asyncDispose]());

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
  identity: stage.azure.systemIdentity,
  kind: "managedIdentity",
  reason,
});
const user: () => Expected = () => ({
  identity: stage.azure.userIdentity,
  kind: "managedIdentity",
  reason: /^AZURE_REDIS_CLIENTID is set$/,
});
const principal = (): Expected => ({
  identity: stage.azure.servicePrincipal,
  kind: "servicePrincipal",
  reason: /^AZURE_REDIS_CLIENTID, AZURE_REDIS_CLIENTSECRET and AZURE_REDIS_TENANTID are set$/,
});
const application = (): Expected => ({
  identity: stage.certified,
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
      env: stage.connected(stage.azure.systemIdentity, "IMDS"),
      ...system(/^AZURE_POD_IDENTITY_AUTHORITY_HOST is set$/),
    }),
  ],
  [
    "system-assigned, App Service",
    () => ({
      env: stage.connected(stage.azure.systemIdentity, "App Service"),
      ...system(/^IDENTITY_ENDPOINT and IDENTITY_HEADER are set$/),
    }),
  ],
  [
    // The cluster's nodes have an identity too; the pod's own is meant.
    "no client ID of its own, workload identity: the pod's",
    () => ({
      env: stage.connected(stage.azure.systemIdentity, "workload identity"),
      identity: stage.pod,
      kind: "workloadIdentity",
      reason: /^AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and AZURE_CLIENT_ID are set$/,
    }),
  ],
  ["user-assigned, IMDS", () => ({ env: stage.connected(stage.azure.userIdentity, "IMDS"), ...user() })],
  [
    "user-assigned, App Service",
    () => ({ env: stage.connected(stage.azure.userIdentity, "App Service"), ...user() }),
  ],
  [
    "user-assigned, workload identity",
    () => ({
      env: stage.connected(stage.federated, "workload identity"),
      identity: stage.federated,
      kind: "workloadIdentity",
      reason: /^AZURE_REDIS_CLIENTID, AZURE_FEDERATED_TOKEN_FILE and AZURE_TENANT_ID are set$/,
    }),
  ],
  [
    "client secret, IMDS",
    () => ({ env: stage.connected(stage.azure.servicePrincipal, "IMDS"), ...principal() }),
  ],
  [
    "client secret, App Service",
    () => ({ env: stage.connected(stage.azure.servicePrincipal, "App Service"), ...principal() }),
  ],
  [
    "client secret, workload identity",
    () => ({ env: stage.connected(stage.azure.servicePrincipal, "workload identity"), ...principal() }),
  ],
  ["certificate, IMDS", () => ({ env: stage.certificate("IMDS"), ...application() })],
  ["certificate, App Service", () => ({ env: stage.certificate("App Service"), ...application() })],
  [
    "certificate, workload identity: the cluster's own proof is used",
    () => ({
      env: stage.certificate("workload identity"),
      identity: stage.certified,
      kind: "workloadIdentity",
      reason: /^AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and AZURE_CLIENT_ID are set$/,
    }),
  ],
  ["key for Node.js, IMDS", () => ({ env: stage.keyed("IMDS", stage.nodeString()), ...key(STRING) })],
  [
    "key for Node.js, escaped, App Service",
    () => ({ env: stage.keyed("App Service", stage.nodeString({ isEscaped: true })), ...key(STRING) }),
  ],
  [
    "key for Node.js, workload identity",
    () => ({ env: stage.keyed("workload identity", stage.nodeString()), ...key(STRING) }),
  ],
  ["key for .NET, IMDS", () => ({ env: stage.keyed("IMDS", stage.dotNetString()), ...key(STRING) })],
  [
    "key for .NET, App Service",
    () => ({ env: stage.keyed("App Service", stage.dotNetString()), ...key(STRING) }),
  ],
  [
    "key for .NET, workload identity",
    () => ({ env: stage.keyed("workload identity", stage.dotNetString()), ...key(STRING) }),
  ],
  ["key in parts, IMDS", () => ({ env: stage.keyed("IMDS", stage.parts()), ...key(PASSWORD) })],
  ["key in parts, App Service", () => ({ env: stage.keyed("App Service", stage.parts()), ...key(PASSWORD) })],
  [
    "key in parts, workload identity",
    () => ({ env: stage.keyed("workload identity", stage.parts()), ...key(PASSWORD) }),
  ],
  [
    "another prefix: client secret",
    () => ({
      env: stage.connected(stage.azure.servicePrincipal, "App Service", "CART_CACHE"),
      settings: { prefix: "CART_CACHE" },
      ...principal(),
      reason: /^CART_CACHE_CLIENTID, CART_CACHE_CLIENTSECRET and CART_CACHE_TENANTID are set$/,
    }),
  ],
  [
    "another prefix: user-assigned, beside the variables of another cache",
    () => ({
      env: {
        ...stage.connected(stage.azure.userIdentity, "IMDS", "CART_CACHE"),
        AZURE_REDIS_HOST: "other.westus3.redis.azure.net",
        AZURE_REDIS_CLIENTID: stage.pod.clientId,
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
        ...without(
          stage.connected(stage.azure.userIdentity, "App Service"),
          "AZURE_REDIS_HOST",
          "AZURE_REDIS_CLIENTID",
        ),
        CACHE: stage.server,
        CART_IDENTITY: stage.azure.userIdentity.clientId,
      },
      settings: { variables: { host: "CACHE", clientId: "CART_IDENTITY" } },
      ...user(),
      reason: /^CART_IDENTITY is set$/,
    }),
  ],
  [
    "names of one's own: key",
    () => ({
      env: stage.keyed("IMDS", { CACHE_URL: stage.nodeString()[STRING] }),
      settings: { variables: { connectionString: "CACHE_URL" } },
      ...key("CACHE_URL"),
    }),
  ],
  [
    "key, and the application asks for Microsoft Entra ID",
    () => ({
      env: stage.keyed("IMDS", stage.parts()),
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
      const logins = stage.azure.events.filter(
        (event) => event.type === "login" && event.objectId === objectId,
      );
      expect(logins.length).toBeGreaterThan(0);

      expect(description.error).toBeUndefined();
      expect(description.identity?.kind).toBe(kind);
      expect((description.identity ?? description.accessKey)?.reason).toMatch(reason);
      const hint = "To log in with Microsoft Entra ID, give the identity an access policy on the cache";
      expect(ended.stdout.includes(hint)).toBe(identity === undefined);
      const clientId = identity === stage.azure.systemIdentity ? undefined : identity?.clientId;
      expect(ended.stdout).toContain(clientId ?? whoAmI);
      const output = ended.stdout + ended.stderr;
      for (const secret of stage.secrets()) expect(output.includes(secret)).toBe(false);
    },
  );
});

test("nobody's login was refused on the way", () => {
  expect(stage.azure.events.filter((event) => event.type === "login" && !event.accepted)).toEqual([]);
});
