import { inspect } from "node:util";
import { expect, describe as group, test, vi } from "vitest";
import type { AzureConnectionOptions } from "../../src/azure/connection.js";
import { describe, describeEnvironment } from "../../src/azure/describe.js";
import type { Description } from "../../src/azure/description.js";
import { CLIENT, jwt, SECRET, TENANT } from "../identity/support.js";

const HOST = "c.westus3.redis.azure.net";
const KEY = "aB3/x+Yz9key+with=base64AzCaD0o=";
const HEADER = "identity-header-secret";
const CERTIFICATE_PASSWORD = "certificate-password";
const PUBLIC = "https://login.microsoftonline.com";

const PRINCIPAL = {
  AZURE_REDIS_HOST: HOST,
  AZURE_REDIS_CLIENTID: CLIENT,
  AZURE_REDIS_CLIENTSECRET: SECRET,
  AZURE_REDIS_TENANTID: TENANT,
};
const APP_SERVICE = { IDENTITY_ENDPOINT: "http://127.0.0.1:4141/msi", IDENTITY_HEADER: HEADER };
const AKS = { AZURE_CLIENT_ID: CLIENT, AZURE_TENANT_ID: TENANT, AZURE_FEDERATED_TOKEN_FILE: "/token" };
const CERTIFICATE = {
  AZURE_CLIENT_ID: CLIENT,
  AZURE_TENANT_ID: TENANT,
  AZURE_CLIENT_CERTIFICATE_PATH: "/app.pem",
  AZURE_CLIENT_CERTIFICATE_PASSWORD: CERTIFICATE_PASSWORD,
};
const STRING = { AZURE_REDIS_CONNECTIONSTRING: `rediss://:${KEY}@c.redis.cache.windows.net:6380/0` };

type Variables = Readonly<Record<string, string>>;

const used = ({ variables }: Description, isUsed = true) =>
  variables.filter((variable) => variable.isUsed === isUsed).map(({ name }) => name);

test("says where, as whom, and why", () => {
  expect(describeEnvironment({}, PRINCIPAL)).toMatchObject({
    endpoint: {
      host: HOST,
      port: 10_000,
      product: "managedRedis",
      cloud: "public",
      reason: "AZURE_REDIS_HOST",
    },
    identity: {
      kind: "servicePrincipal",
      description: `service principal with client ID ${CLIENT} in tenant ${TENANT} (client secret)`,
      reason: "AZURE_REDIS_CLIENTID, AZURE_REDIS_CLIENTSECRET and AZURE_REDIS_TENANTID are set",
      scope: "https://redis.azure.com/.default",
      authorityHost: PUBLIC,
    },
    accessKey: undefined,
    error: undefined,
  });
});

test("says that an access key logs in, and not which", () => {
  const description = describeEnvironment({}, STRING);
  expect(description).toMatchObject({
    identity: undefined,
    accessKey: { username: undefined, reason: "AZURE_REDIS_CONNECTIONSTRING holds an access key" },
    variables: [{ name: "AZURE_REDIS_CONNECTIONSTRING", value: "[secret]", isUsed: true }],
  });
  expect(description.hints.join()).toMatch(/Microsoft Entra ID/);
});

test("the endpoint's cloud shows in the authority, and a managed identity asks none", () => {
  const gov = { ...AKS, AZURE_REDIS_HOST: "c.redis.cache.usgovcloudapi.net" };
  expect(describeEnvironment({}, gov).identity?.authorityHost).toBe("https://login.microsoftonline.us");
  const app = { AZURE_REDIS_HOST: HOST, ...APP_SERVICE };
  expect(describeEnvironment({}, app).identity?.authorityHost).toBeUndefined();
});

group("every variable that is set is listed, used or not", () => {
  const AT = { AZURE_REDIS_HOST: HOST };

  test.each<[string, AzureConnectionOptions, Variables, readonly string[]]>([
    ["service principal", {}, PRINCIPAL, []],
    ["host and left-over secret", {}, { ...PRINCIPAL, AZURE_CLIENT_SECRET: SECRET }, ["AZURE_CLIENT_SECRET"]],
    ["App Service", {}, { ...AT, ...APP_SERVICE }, []],
    ["App Service, by option", { entraId: { managedIdentity: true } }, { ...AT, ...APP_SERVICE }, []],
    ["App Service and AZURE_CLIENT_ID", {}, { ...AT, ...APP_SERVICE, AZURE_CLIENT_ID: CLIENT }, []],
    ["a virtual machine and AZURE_CLIENT_ID", {}, { ...AT, AZURE_CLIENT_ID: CLIENT }, []],
    [
      "workload identity on App Service",
      {},
      { ...AT, ...AKS, ...APP_SERVICE },
      ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"],
    ],
    [
      "workload identity of Service Connector",
      {},
      { ...AT, AZURE_REDIS_CLIENTID: CLIENT, ...AKS },
      ["AZURE_CLIENT_ID"],
    ],
    ["certificate and its password", {}, { ...AT, ...CERTIFICATE }, []],
    [
      "a certificate that is not used",
      { entraId: { managedIdentity: true } },
      { ...AT, ...CERTIFICATE },
      Object.keys(CERTIFICATE).sort(),
    ],
    ["own authority", {}, { ...AT, ...AKS, AZURE_AUTHORITY_HOST: "https://localhost:1" }, []],
    [
      "an authority that nobody asks",
      {},
      { ...AT, ...APP_SERVICE, AZURE_AUTHORITY_HOST: "https://localhost:1" },
      ["AZURE_AUTHORITY_HOST"],
    ],
    ["prod without need", {}, { ...PRINCIPAL, AZURE_TOKEN_CREDENTIALS: "prod" }, ["AZURE_TOKEN_CREDENTIALS"]],
    [
      "dev: left to DefaultAzureCredential",
      {},
      { ...AT, ...CERTIFICATE, AZURE_TOKEN_CREDENTIALS: "dev" },
      [],
    ],
    ["own endpoint", { endpoint: "localhost:6380" }, AT, ["AZURE_REDIS_HOST"]],
    ["key, and a port that agrees", {}, { ...STRING, AZURE_REDIS_PORT: "6380" }, ["AZURE_REDIS_PORT"]],
  ])("%s", (_, options, env, unused) => {
    const description = describeEnvironment(options, env);
    expect(description.error).toBeUndefined();
    expect(used(description, false).sort()).toEqual(unused);
    expect(used(description).sort()).toEqual(
      Object.keys(env)
        .filter((name) => !unused.includes(name))
        .sort(),
    );
  });

  test("names of one's own are listed", () => {
    const description = describeEnvironment({ variables: { host: "MY_HOST" } }, { MY_HOST: HOST });
    expect(description.variables).toEqual([
      { name: "MY_HOST", value: HOST, purpose: "host name of the cache", isUsed: true },
    ]);
  });

  test("other variables are nobody's business", () => {
    expect(describeEnvironment({}, { ...PRINCIPAL, PATH: "/bin" }).variables).toHaveLength(4);
  });
});

group("does not throw where connecting would", () => {
  test.each<[string, AzureConnectionOptions, Variables]>([
    ["ERR_PASSWORDLESS_ENDPOINT_MISSING", {}, APP_SERVICE],
    ["ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY", {}, { ...PRINCIPAL, ...STRING }],
    ["ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED", { endpoint: "c.r.redisenterprise.cache.azure.net" }, {}],
    ["ERR_PASSWORDLESS_INVALID_OPTION", { prefix: "" }, PRINCIPAL],
    ["ERR_PASSWORDLESS_INVALID_OPTION", null as never, PRINCIPAL],
  ])("%s", (code, options, env) => {
    const description = describeEnvironment(options, env);
    expect(description).toMatchObject({ identity: undefined, accessKey: undefined });
    expect(description.error?.code).toBe(code);
    expect(used(description)).toEqual([]);
    expect(String(description)).toContain(description.error?.message);
    expect(JSON.parse(JSON.stringify(description))).toMatchObject({ error: { code } });
  });

  test("the server is described where only the login is at fault", () => {
    const endpoint = "c.r.redisenterprise.cache.azure.net";
    const description = describeEnvironment({ endpoint }, APP_SERVICE);
    expect(description.endpoint).toMatchObject({ host: endpoint, reason: "option `endpoint`" });
    expect(String(description)).not.toContain("changes nothing");
    expect(describeEnvironment({}, APP_SERVICE).endpoint).toBeUndefined();
  });

  test("the variables are listed all the same", () => {
    const names = describeEnvironment({}, APP_SERVICE).variables.map(({ name }) => name);
    expect(names).toEqual(["IDENTITY_ENDPOINT", "IDENTITY_HEADER"]);
    expect(describeEnvironment({ prefix: "" }, PRINCIPAL).variables).toHaveLength(4);
  });
});

test("reads the environment of the process", () => {
  vi.stubEnv("AZURE_REDIS_HOST", HOST);
  try {
    expect(describe({ entraId: { managedIdentity: true } }).endpoint?.host).toBe(HOST);
  } finally {
    vi.unstubAllEnvs();
  }
});

test("prints a text for a terminal", () => {
  const env = { ...PRINCIPAL, AZURE_CLIENT_ID: "44444444-4444-4444-8444-444444444444" };
  expect(String(describeEnvironment({}, env)).split("\n")).toEqual([
    "Endpoint",
    `  ${HOST}:10000 (Azure Managed Redis, cloud public)`,
    "  because of: AZURE_REDIS_HOST",
    "Login",
    `  service principal with client ID ${CLIENT} in tenant ${TENANT} (client secret)`,
    "  because of: AZURE_REDIS_CLIENTID, AZURE_REDIS_CLIENTSECRET and AZURE_REDIS_TENANTID are set",
    "  scope: https://redis.azure.com/.default",
    `  authority: ${PUBLIC}`,
    "Variables",
    expect.stringMatching(/^ {2}AZURE_REDIS_HOST=c\.westus3\.redis\.azure\.net +host name of the cache$/),
    expect.stringMatching(/^ {2}AZURE_REDIS_CLIENTID=\S+ +client ID of the identity$/),
    expect.stringMatching(/^ {2}AZURE_REDIS_CLIENTSECRET=\[secret\] +secret of the service principal$/),
    expect.stringMatching(/^ {2}AZURE_REDIS_TENANTID=\S+ +tenant of the identity$/),
    expect.stringMatching(/^ {2}AZURE_CLIENT_ID=\S+ +changes nothing \(client ID of the identity\)$/),
    "Hints",
    expect.stringMatching(/^ {2}AZURE_REDIS_CLIENTID \(3333.* is not\.$/),
  ]);
});

test.each<[string, AzureConnectionOptions, Variables]>([
  ["service principal", {}, PRINCIPAL],
  [
    "secret as option",
    { entraId: { tenantId: TENANT, clientId: CLIENT, clientSecret: SECRET } },
    { AZURE_REDIS_HOST: HOST },
  ],
  ["access key", {}, STRING],
  ["certificate", {}, { AZURE_REDIS_HOST: HOST, ...CERTIFICATE }],
  ["identity header", {}, { AZURE_REDIS_HOST: HOST, ...APP_SERVICE }],
  [
    "credential",
    {
      endpoint: HOST,
      entraId: { credential: { getToken: () => Promise.resolve({ token: jwt(), expiresOnTimestamp: 0 }) } },
    },
    {},
  ],
  ["contradiction", {}, { ...PRINCIPAL, ...STRING }],
  ["key in the wrong variable", {}, { AZURE_REDIS_HOST: KEY }],
  ["address with a key", {}, { AZURE_REDIS_HOST: `rediss://:${KEY}@${HOST}` }],
  ["key in the option", { endpoint: `${HOST},password=${KEY}` }, {}],
])("no secret in any output: %s", (_, options, env) => {
  const description = describeEnvironment(options, env);
  const seen = [
    inspect(description, { depth: 10, showHidden: true, getters: true }),
    inspect(description, { depth: 10, showHidden: true, getters: true, customInspect: false }),
    inspect({ description }, { depth: 10 }),
    JSON.stringify(description),
    String(description),
    description.error?.stack,
  ].join("\n");
  for (const secret of [SECRET, KEY, HEADER, CERTIFICATE_PASSWORD, "eyJ"]) expect(seen).not.toContain(secret);
  expect(seen).toContain("variables");
});

group("a variable that may hold a password by mistake is not shown", () => {
  const valueOf = (value: string) =>
    describeEnvironment({}, { AZURE_REDIS_HOST: value }).variables.find(
      ({ name }) => name === "AZURE_REDIS_HOST",
    )?.value;

  test.each([
    "rediss://user:somekey",
    "user:somekey",
    "rediss://:somekey@host:6380",
    "host,password=somekey",
  ])("%s", (value) => {
    expect(valueOf(value)).toBe("[secret]");
  });

  test.each(["host", "host:6380", "rediss://host:6380/0", "[fd00::8]:6380", String.raw`C:\folder\token`])(
    "%s is shown",
    (value) => {
      expect(valueOf(value)).toBe(value);
    },
  );
});
