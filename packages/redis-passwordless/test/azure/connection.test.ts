import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { type AzureConnectionOptions, azureConnection } from "../../src/azure/connection.js";
import { createIdentity } from "../../src/azure/entra-id.js";
import type { AzureLogin } from "../../src/azure/login.js";
import { CLIENT, caught, SECRET, TENANT } from "../identity/support.js";

const HOST = "c.westus3.redis.azure.net";
const CLASSIC = "c.redis.cache.windows.net";
const KEY = "aB3/x+Yz9key+with=base64AzCaD0o=";
const OTHER = "44444444-4444-4444-8444-444444444444";
const FILE = "/var/run/secrets/azure/tokens/azure-identity-token";

const AT = { AZURE_REDIS_HOST: HOST };
const USER = { ...AT, AZURE_REDIS_CLIENTID: CLIENT };
const PRINCIPAL = { ...USER, AZURE_REDIS_CLIENTSECRET: SECRET, AZURE_REDIS_TENANTID: TENANT };
const AKS = { AZURE_CLIENT_ID: CLIENT, AZURE_TENANT_ID: TENANT, AZURE_FEDERATED_TOKEN_FILE: FILE };
const APP_SERVICE = { IDENTITY_ENDPOINT: "http://127.0.0.1:4141/msi", IDENTITY_HEADER: "h" };
const NODE_STRING = { AZURE_REDIS_CONNECTIONSTRING: `rediss://:${KEY}@${CLASSIC}:6380/0` };
const DOT_NET_STRING = {
  AZURE_REDIS_CONNECTIONSTRING: `${CLASSIC}:6380,password=${KEY},ssl=True,defaultDatabase=0`,
};
const NO_STRING = {
  AZURE_REDIS_HOST: CLASSIC,
  AZURE_REDIS_PORT: "6380",
  AZURE_REDIS_DATABASE: "2",
  AZURE_REDIS_PASSWORD: KEY,
  AZURE_REDIS_SSL: "true",
};

type Variables = Readonly<Record<string, string>>;

function entraId(login: AzureLogin) {
  if (login.kind !== "entraId") throw new Error("an access key logs in");
  return login;
}
function accessKey(login: AzureLogin) {
  if (login.kind !== "accessKey") throw new Error("an identity logs in");
  return login;
}

describe("Service Connector's variables are understood", () => {
  test.each<[string, Variables, string, RegExp, RegExp]>([
    ["system-assigned", { ...AT, ...APP_SERVICE }, "managedIdentity", /^system-assigned/, /IDENTITY_HEADER/],
    [
      "system-assigned, on a virtual machine",
      AT,
      "ambient",
      /^managed identity of this machine/,
      /no variable/,
    ],
    [
      "user-assigned",
      { ...USER, ...APP_SERVICE },
      "managedIdentity",
      /33333333/,
      /^AZURE_REDIS_CLIENTID is set$/,
    ],
    [
      "user-assigned, on a virtual machine",
      USER,
      "managedIdentity",
      /33333333/,
      /^AZURE_REDIS_CLIENTID is set$/,
    ],
    [
      "service principal",
      { ...PRINCIPAL, ...APP_SERVICE },
      "servicePrincipal",
      /client ID 33333333.* in tenant 22222222/,
      /^AZURE_REDIS_CLIENTID, AZURE_REDIS_CLIENTSECRET and AZURE_REDIS_TENANTID are set$/,
    ],
    [
      "workload identity, tenant of the webhook",
      { ...USER, ...AKS },
      "workloadIdentity",
      /client ID 33333333.* in tenant 22222222/,
      /^AZURE_REDIS_CLIENTID, AZURE_FEDERATED_TOKEN_FILE and AZURE_TENANT_ID are set$/,
    ],
    [
      "workload identity, own tenant",
      { ...USER, ...AKS, AZURE_REDIS_TENANTID: OTHER },
      "workloadIdentity",
      /in tenant 44444444/,
      /AZURE_REDIS_TENANTID are set$/,
    ],
    [
      "workload identity of the pod",
      { ...AT, ...AKS },
      "workloadIdentity",
      /33333333/,
      /AZURE_CLIENT_ID are set$/,
    ],
    [
      "standard service principal",
      { ...AT, AZURE_CLIENT_ID: CLIENT, AZURE_TENANT_ID: TENANT, AZURE_CLIENT_SECRET: SECRET },
      "servicePrincipal",
      /33333333/,
      /^AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET/,
    ],
    ["a developer", { ...AT, AZURE_TOKEN_CREDENTIALS: "dev" }, "defaultAzureCredential", /Default/, /"dev"/],
    [
      "Arc",
      { ...AT, IDENTITY_ENDPOINT: "http://x", IMDS_ENDPOINT: "http://y" },
      "managedIdentity",
      /Arc/,
      /platform/,
    ],
    ["Cloud Shell", { ...AT, MSI_ENDPOINT: "http://x" }, "managedIdentity", /Cloud Shell/, /platform/],
    [
      "Azure ML",
      { ...AT, MSI_ENDPOINT: "http://x", MSI_SECRET: "s" },
      "managedIdentity",
      /Machine Learning/,
      /platform/,
    ],
    [
      "Service Fabric",
      { ...AT, ...APP_SERVICE, IDENTITY_SERVER_THUMBPRINT: "t" },
      "managedIdentity",
      /Service Fabric/,
      /platform/,
    ],
    [
      "metadata service",
      { ...AT, AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:1" },
      "managedIdentity",
      /^system/,
      /POD/,
    ],
  ])("%s", (_, env, kind, description, reason) => {
    const { endpoint, endpointReason, login, database } = azureConnection({}, env);
    expect(endpoint).toMatchObject({ host: HOST, port: 10_000 });
    expect(endpointReason).toBe("AZURE_REDIS_HOST");
    expect(database).toBeUndefined();
    expect(entraId(login).identityKind).toBe(kind);
    expect(entraId(login).description).toMatch(description);
    expect(entraId(login).reason).toMatch(reason);
  });

  test.each<[string, Variables, number | undefined, string, string | undefined]>([
    ["Node.js, Java, Python, Go", NODE_STRING, 0, "AZURE_REDIS_CONNECTIONSTRING", undefined],
    [".NET", DOT_NET_STRING, 0, "AZURE_REDIS_CONNECTIONSTRING", undefined],
    ["no client type", NO_STRING, 2, "AZURE_REDIS_PASSWORD", undefined],
    [
      "with a user",
      { AZURE_REDIS_CONNECTIONSTRING: `${CLASSIC},user=app,password=${KEY}` },
      undefined,
      "AZURE_REDIS_CONNECTIONSTRING",
      "app",
    ],
    [
      "a database beside it",
      { AZURE_REDIS_CONNECTIONSTRING: `${CLASSIC},password=${KEY}`, AZURE_REDIS_DATABASE: "2" },
      2,
      "AZURE_REDIS_CONNECTIONSTRING",
      undefined,
    ],
    [
      "both agree",
      { ...NODE_STRING, ...NO_STRING, AZURE_REDIS_DATABASE: "0" },
      0,
      "AZURE_REDIS_CONNECTIONSTRING",
      undefined,
    ],
  ])("access key: %s", (_, env, database, name, username) => {
    const connection = azureConnection({}, env);
    expect(connection.endpoint).toMatchObject({ host: CLASSIC, port: 6380, isEncrypted: true });
    expect(connection.database).toBe(database);
    const login = accessKey(connection.login);
    expect(login.password.reveal()).toBe(KEY);
    expect(login.username).toBe(username);
    expect(login.reason).toBe(`${name} holds an access key`);
    expect(connection.hints.join()).toMatch(/To log in with Microsoft Entra ID/);
  });

  test("a prefix, and names of one's own", () => {
    const env = {
      MY_HOST: HOST,
      WHO: CLIENT,
      MY_PORT: "8501",
      AZURE_REDIS_HOST: "other.redis.cache.windows.net",
    };
    const options = { prefix: "MY", variables: { clientId: "WHO" } };
    const { endpoint, endpointReason, login } = azureConnection(options, env);
    expect(endpoint).toMatchObject({ host: HOST, port: 8501 });
    expect(endpointReason).toBe("MY_HOST");
    expect(entraId(login)).toMatchObject({ identityKind: "managedIdentity", reason: "WHO is set" });
  });

  test("empty variables and white space around values say nothing", () => {
    const env = {
      AZURE_REDIS_HOST: ` ${HOST}\n`,
      AZURE_REDIS_CLIENTID: "",
      AZURE_REDIS_PASSWORD: " ",
      AZURE_REDIS_PORT: "",
    };
    const { endpoint, login } = azureConnection({}, env);
    expect(endpoint.host).toBe(HOST);
    expect(entraId(login).identityKind).toBe("ambient");
  });

  test("_SCOPE names the scope, and the option comes first", () => {
    const env = { ...USER, AZURE_REDIS_SCOPE: "https://redis.example/.default" };
    expect(entraId(azureConnection({}, env).login).options.scope).toBe("https://redis.example/.default");
    const scope = "https://other.example/.default";
    const connection = azureConnection({ entraId: { scope } }, env);
    expect(entraId(connection.login)).toMatchObject({ options: { scope }, identityKind: "managedIdentity" });
    expect(connection.hints.join()).toContain("AZURE_REDIS_SCOPE is not used");
  });

  test("a connection string without a key is an address", () => {
    const { endpoint, login } = azureConnection({}, { AZURE_REDIS_CONNECTIONSTRING: `${CLASSIC}:6380` });
    expect(endpoint.host).toBe(CLASSIC);
    expect(entraId(login).identityKind).toBe("ambient");
  });

  test.each([USER, PRINCIPAL, { ...USER, ...AKS }])(
    "the login's options make an identity (%#)",
    async (env) => {
      const { description, options } = entraId(azureConnection({}, env).login);
      await using identity = createIdentity(options, env);
      expect(identity.description).toBe(description);
    },
  );
});

describe("what is explicit comes first", () => {
  test.each<[string, AzureConnectionOptions, Variables, string, RegExp]>([
    [
      "managed identity",
      { entraId: { managedIdentity: true } },
      PRINCIPAL,
      "managedIdentity",
      /CLIENTID, .*CLIENTSECRET, .*TENANTID are not used/,
    ],
    [
      "own client ID",
      { entraId: { clientId: OTHER } },
      USER,
      "managedIdentity",
      /AZURE_REDIS_CLIENTID is not used/,
    ],
    [
      "service principal",
      { entraId: { clientId: OTHER, tenantId: TENANT, clientSecret: SECRET } },
      { ...NODE_STRING, ...APP_SERVICE },
      "servicePrincipal",
      /access key in AZURE_REDIS_CONNECTIONSTRING is not used/,
    ],
    [
      "nothing but the wish",
      { entraId: {} },
      { ...NO_STRING, AZURE_REDIS_DATABASE: "0" },
      "ambient",
      /AZURE_REDIS_PASSWORD/,
    ],
    [
      "the wish, and a client ID",
      { entraId: {} },
      { ...NO_STRING, AZURE_REDIS_CLIENTID: CLIENT },
      "managedIdentity",
      /PASSWORD/,
    ],
  ])("option `entraId`: %s", (_, options, env, kind, hint) => {
    const { login, hints } = azureConnection(options, env);
    expect(entraId(login).identityKind).toBe(kind);
    expect(hints.join("\n")).toMatch(hint);
  });

  test("options without an identity join the variables", () => {
    const options = { entraId: { managedIdentity: undefined, requestTimeoutMs: 5000 } };
    const login = entraId(azureConnection(options, USER).login);
    expect(login.identityKind).toBe("managedIdentity");
    expect(login.options).toMatchObject({ managedIdentity: { clientId: CLIENT }, requestTimeoutMs: 5000 });
  });

  test("the option `endpoint` comes before variables, which are named", () => {
    const { endpoint, endpointReason, hints, login } = azureConnection({ endpoint: CLASSIC }, USER);
    expect(endpoint).toMatchObject({ host: CLASSIC, port: 6380 });
    expect(endpointReason).toBe("option `endpoint`");
    expect(hints.join()).toContain("AZURE_REDIS_HOST");
    expect(entraId(login).reason).toBe("AZURE_REDIS_CLIENTID is set");
  });

  test("a broken address in a variable does not matter beside the option `endpoint`", () => {
    const env = { ...USER, AZURE_REDIS_HOST: "https://nonsense/" };
    expect(azureConnection({ endpoint: HOST }, env).endpoint.host).toBe(HOST);
  });
});

describe("hints name what is easily mistaken", () => {
  test.each<[string, Variables, RegExp]>([
    [
      "AZURE_CLIENT_ID makes it the user-assigned identity",
      { ...AT, ...APP_SERVICE, AZURE_CLIENT_ID: OTHER },
      /AZURE_CLIENT_ID is set, so.*managedIdentity: true/,
    ],
    ["also on a virtual machine", { ...AT, AZURE_CLIENT_ID: OTHER }, /AZURE_CLIENT_ID is set, so/],
    [
      "managed identity, another AZURE_CLIENT_ID",
      { ...USER, AZURE_CLIENT_ID: OTHER },
      /CLIENTID \(3333.*\) is used, and AZURE_CLIENT_ID \(4444.*\) is not/,
    ],
    [
      "service principal, another AZURE_CLIENT_ID",
      { ...PRINCIPAL, AZURE_CLIENT_ID: OTHER },
      /AZURE_CLIENT_ID \(4444/,
    ],
    [
      "workload identity, another AZURE_CLIENT_ID",
      { ...USER, ...AKS, AZURE_CLIENT_ID: OTHER },
      /CLIENTID \(3333.*\) is used/,
    ],
    ["a service principal on AKS", { ...PRINCIPAL, ...AKS }, /AZURE_FEDERATED_TOKEN_FILE is not used/],
    ["a left-over secret", { ...USER, AZURE_CLIENT_SECRET: SECRET }, /AZURE_CLIENT_SECRET is not used/],
    [
      "a developer's wish",
      { ...USER, AZURE_TOKEN_CREDENTIALS: "dev" },
      /AZURE_TOKEN_CREDENTIALS is not used/,
    ],
    [
      "half a workload identity",
      { ...USER, AZURE_FEDERATED_TOKEN_FILE: FILE },
      /neither AZURE_REDIS_TENANTID nor AZURE_TENANT_ID/,
    ],
    ["a tenant for a managed identity", { ...USER, AZURE_REDIS_TENANTID: TENANT }, /needs no tenant/],
    [
      "a tenant alone",
      { ...AT, AZURE_REDIS_TENANTID: TENANT },
      /AZURE_REDIS_TENANTID is set without AZURE_REDIS_CLIENTID/,
    ],
  ])("%s", (_, env, hint) => {
    const { hints } = azureConnection({}, env);
    expect(hints.join("\n")).toMatch(hint);
    expect(hints.join("\n")).not.toContain(SECRET);
  });

  test.each<[string, AzureConnectionOptions, Variables]>([
    ["system-assigned", {}, { ...AT, ...APP_SERVICE }],
    ["user-assigned", {}, { ...USER, AZURE_CLIENT_ID: CLIENT }],
    ["service principal", {}, PRINCIPAL],
    ["workload identity", {}, { ...USER, ...AKS }],
    ["own endpoint", { endpoint: HOST }, { ...APP_SERVICE, AZURE_CLIENT_ID: CLIENT }],
  ])("nothing to say: %s", (_, options, env) => {
    expect(azureConnection(options, env).hints).toEqual([]);
  });
});

describe("the endpoint's cloud is where tokens come from", () => {
  const GOV = { AZURE_REDIS_HOST: "c.redis.cache.usgovcloudapi.net" };

  test.each<[string, AzureConnectionOptions, Variables, string | undefined]>([
    ["public", {}, AT, undefined],
    ["US Government", {}, GOV, "usgov"],
    [
      "the same by AZURE_AUTHORITY_HOST",
      {},
      { ...GOV, AZURE_AUTHORITY_HOST: "login.microsoftonline.us/" },
      undefined,
    ],
    ["an authority of nobody's", {}, { ...GOV, AZURE_AUTHORITY_HOST: "https://localhost:1234" }, undefined],
    ["the option `cloud`", { entraId: { cloud: "china" } }, GOV, "china"],
    ["the option `authorityHost`", { entraId: { authorityHost: "https://localhost:1" } }, GOV, undefined],
    [
      "an unknown host",
      { endpoint: "localhost:6380" },
      { AZURE_AUTHORITY_HOST: "https://login.microsoftonline.us" },
      undefined,
    ],
  ])("%s", (_, options, env, cloud) => {
    expect(entraId(azureConnection(options, env).login).options.cloud).toBe(cloud);
  });

  test("another cloud's option is followed, with a hint", () => {
    expect(azureConnection({ entraId: { cloud: "china" } }, GOV).hints.join()).toMatch(/"china".*"usgov"/);
  });

  test.each<[string, Variables]>([
    ["https://login.microsoftonline.com/", GOV],
    ["https://login.microsoftonline.us", AT],
    ["login.chinacloudapi.cn", AT],
    ["https://login.sovcloud-identity.fr", AT],
  ])("%s belongs to another cloud, and both are named", async (AZURE_AUTHORITY_HOST, env) => {
    const error = await caught(() => azureConnection({}, { ...env, AZURE_AUTHORITY_HOST }));
    expect(error).toMatchObject({
      code: "ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY",
      details: { variable: "AZURE_AUTHORITY_HOST", otherVariable: "AZURE_REDIS_HOST" },
    });
    expect(error.message).toContain(env["AZURE_REDIS_HOST"]);
  });
});

describe("a contradiction names both sides", () => {
  test.each<[string, Variables, string, string]>([
    ["hosts", { ...NODE_STRING, ...AT }, "AZURE_REDIS_HOST", "AZURE_REDIS_CONNECTIONSTRING"],
    [
      "ports",
      { ...NODE_STRING, AZURE_REDIS_PORT: "10000" },
      "AZURE_REDIS_PORT",
      "AZURE_REDIS_CONNECTIONSTRING",
    ],
    [
      "port of the host",
      { ...AT, AZURE_REDIS_HOST: `${HOST}:10000`, AZURE_REDIS_PORT: "8501" },
      "AZURE_REDIS_PORT",
      "AZURE_REDIS_HOST",
    ],
    [
      "databases",
      { ...NODE_STRING, AZURE_REDIS_DATABASE: "3" },
      "AZURE_REDIS_DATABASE",
      "AZURE_REDIS_CONNECTIONSTRING",
    ],
    [
      "encryption",
      { ...NODE_STRING, AZURE_REDIS_SSL: "False" },
      "AZURE_REDIS_SSL",
      "AZURE_REDIS_CONNECTIONSTRING",
    ],
    [
      "scheme",
      { AZURE_REDIS_HOST: "rediss://localhost:1", AZURE_REDIS_SSL: "False" },
      "AZURE_REDIS_SSL",
      "AZURE_REDIS_HOST",
    ],
    [
      "keys",
      { ...NODE_STRING, AZURE_REDIS_PASSWORD: "another" },
      "AZURE_REDIS_PASSWORD",
      "AZURE_REDIS_CONNECTIONSTRING",
    ],
    [
      "key and identity",
      { ...NODE_STRING, AZURE_REDIS_CLIENTID: CLIENT },
      "AZURE_REDIS_CONNECTIONSTRING",
      "AZURE_REDIS_CLIENTID",
    ],
    [
      "key and secret",
      { ...AT, AZURE_REDIS_PASSWORD: KEY, AZURE_REDIS_CLIENTSECRET: SECRET },
      "AZURE_REDIS_PASSWORD",
      "AZURE_REDIS_CLIENTSECRET",
    ],
    [
      "secret without tenant",
      { ...USER, AZURE_REDIS_CLIENTSECRET: SECRET },
      "AZURE_REDIS_CLIENTSECRET",
      "AZURE_REDIS_TENANTID",
    ],
    [
      "secret without client",
      { ...AT, AZURE_REDIS_CLIENTSECRET: SECRET, AZURE_REDIS_TENANTID: TENANT },
      "AZURE_REDIS_CLIENTSECRET",
      "AZURE_REDIS_CLIENTID",
    ],
    [
      "secret with another's tenant",
      { ...USER, AZURE_REDIS_CLIENTSECRET: SECRET, AZURE_TENANT_ID: TENANT },
      "AZURE_REDIS_CLIENTSECRET",
      "AZURE_REDIS_TENANTID",
    ],
  ])("%s", async (_, env, variable, otherVariable) => {
    const error = await caught(() => azureConnection({}, env));
    expect(error).toMatchObject({
      code: "ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY",
      details: { variable, otherVariable },
    });
    expect(error.message).toContain(variable);
    expect(error.message).toContain(otherVariable);
    for (const secret of [KEY, SECRET]) expect(inspect(error)).not.toContain(secret);
  });

  test.each([NODE_STRING, NO_STRING])("a key is not shown to another cache (%#)", async (env) => {
    const error = await caught(() => azureConnection({ endpoint: HOST }, env));
    expect(error.code).toBe("ERR_PASSWORDLESS_ENVIRONMENT_CONTRADICTORY");
    expect(error.message).toContain(CLASSIC);
    expect(error.message).toContain(HOST);
  });

  test("the key of the same cache is used, whichever way it is addressed", () => {
    const connection = azureConnection({ endpoint: `rediss://${CLASSIC.toUpperCase()}:6380` }, NODE_STRING);
    expect(accessKey(connection.login).password.reveal()).toBe(KEY);
  });
});

describe("what cannot be is refused", () => {
  test("nothing says where: everything that is looked for is named", async () => {
    const error = await caught(() => azureConnection({}, { AZURE_REDIS_CLIENTID: CLIENT }));
    expect(error.code).toBe("ERR_PASSWORDLESS_ENDPOINT_MISSING");
    for (const name of ["`endpoint`", "AZURE_REDIS_HOST", "AZURE_REDIS_CONNECTIONSTRING"]) {
      expect(error.message).toContain(name);
    }
  });

  test("names of one's own are looked for, and a likely one is suggested", async () => {
    const error = await caught(() => azureConnection({ prefix: "MY" }, { REDIS_URL: `rediss://:${KEY}@x` }));
    expect(error.message).toContain("MY_HOST");
    expect(error.remedy).toContain('variables: { connectionString: "REDIS_URL" }');
    expect(error.message).not.toContain(KEY);
  });

  test.each<[AzureConnectionOptions, Variables]>([
    [{}, { AZURE_REDIS_HOST: "c.eastus.redisenterprise.cache.azure.net" }],
    [{ endpoint: "c.eastus.redisenterprise.cache.azure.net", entraId: { managedIdentity: true } }, {}],
  ])("Enterprise has no Microsoft Entra ID (%#)", async (options, env) => {
    const error = await caught(() => azureConnection(options, env));
    expect(error.code).toBe("ERR_PASSWORDLESS_ENTRA_ID_UNSUPPORTED");
    expect(error.message).toContain("31 March 2027");
    expect(error.remedy).toContain("Azure Managed Redis");
  });

  test("an access key logs in to Enterprise", () => {
    const env = { AZURE_REDIS_CONNECTIONSTRING: `rediss://:${KEY}@c.eastus.redisenterprise.cache.azure.net` };
    const { login, hints } = azureConnection({}, env);
    expect(login.kind).toBe("accessKey");
    expect(hints).toEqual([]);
  });

  test.each([
    ["AZURE_REDIS_CLIENT_ID", "AZURE_REDIS_CLIENTID", AT],
    ["AZURE_REDIS_CLIENT_SECRET", "AZURE_REDIS_CLIENTSECRET", USER],
    ["AZURE_REDIS_TENANT_ID", "AZURE_REDIS_TENANTID", AT],
    ["AZURE_REDIS_CONNECTION_STRING", "AZURE_REDIS_CONNECTIONSTRING", {}],
  ])("%s is misspelt: it is %s", async (misspelt, name, env) => {
    const error = await caught(() => azureConnection({}, { ...env, [misspelt]: SECRET }));
    expect(error).toMatchObject({
      code: "ERR_PASSWORDLESS_INVALID_OPTION",
      details: { option: misspelt, suggestion: name },
    });
    expect(inspect(error)).not.toContain(SECRET);
  });

  test("a name is not misspelt when it is one's own, or nobody needs it", () => {
    const env = { ...AT, AZURE_REDIS_CLIENT_ID: CLIENT };
    const variables = { clientId: "AZURE_REDIS_CLIENT_ID" };
    expect(entraId(azureConnection({ variables }, env).login).reason).toBe("AZURE_REDIS_CLIENT_ID is set");
    expect(azureConnection({ entraId: { managedIdentity: true } }, env).login.kind).toBe("entraId");
    expect(azureConnection({}, { ...env, AZURE_REDIS_CLIENTID: OTHER }).login.kind).toBe("entraId");
  });

  test.each<[string, string, Variables]>([
    ["AZURE_REDIS_PORT", "INVALID_OPTION", { ...AT, AZURE_REDIS_PORT: "many" }],
    ["AZURE_REDIS_PORT", "INVALID_OPTION", { AZURE_REDIS_HOST: "localhost" }],
    ["AZURE_REDIS_SSL", "INVALID_OPTION", { ...AT, AZURE_REDIS_SSL: "maybe" }],
    ["AZURE_REDIS_DATABASE", "INVALID_OPTION", { ...AT, AZURE_REDIS_DATABASE: "1" }],
    ["AZURE_REDIS_DATABASE", "INVALID_OPTION", { ...AT, AZURE_REDIS_DATABASE: "one" }],
    ["AZURE_REDIS_TENANTID", "INVALID_OPTION", { ...PRINCIPAL, AZURE_REDIS_TENANTID: "a/b" }],
    ["AZURE_REDIS_SCOPE", "INVALID_OPTION", { ...USER, AZURE_REDIS_SCOPE: "https://redis.azure.com" }],
    ["AZURE_REDIS_HOST", "URL_CREDENTIALS", { ...NODE_STRING, AZURE_REDIS_HOST: `x:${KEY}@${CLASSIC}` }],
    ["AZURE_REDIS_HOST", "URL_CREDENTIALS", { AZURE_REDIS_HOST: `rediss://:${KEY}@${HOST}` }],
    ["AZURE_REDIS_HOST", "PRIVATE_LINK_NAME", { AZURE_REDIS_HOST: "c.r.privatelink.redis.azure.net" }],
    [HOST, "PLAINTEXT_REFUSED", { ...AT, AZURE_REDIS_SSL: "false" }],
    [HOST, "PLAINTEXT_REFUSED", { ...AT, AZURE_REDIS_PORT: "6379" }],
  ])("%s: %s (%#)", async (name, code, env) => {
    const error = await caught(() => azureConnection({}, env));
    expect(error.code).toBe(`ERR_PASSWORDLESS_${code}`);
    expect(error.message).toContain(name);
  });

  test.each<[string, unknown]>([
    ["options", null],
    ["endpiont", { endpiont: HOST }],
    ["endpoint", { endpoint: 1 }],
    ["endpoint", { endpoint: "" }],
    ["prefix", { prefix: "" }],
    ["prefix", { prefix: "AZURE_REDIS_" }],
    ["variables", { variables: null }],
    ["variables.hots", { variables: { hots: "X" } }],
    ["variables.host", { variables: { host: "" } }],
    ["entraId", { entraId: true, endpoint: HOST }],
    ["entraId.clinetId", { entraId: { clinetId: CLIENT }, endpoint: HOST }],
  ])("option %s (%#)", async (option, options) => {
    const error = await caught(() => azureConnection(options as AzureConnectionOptions, {}));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_INVALID_OPTION", details: { option } });
  });
});

test.each<[string, Variables]>([
  ["service principal", PRINCIPAL],
  ["access key", NODE_STRING],
])("a connection shows no secret: %s", (_, env) => {
  const connection = azureConnection({}, env);
  const seen = [
    inspect(connection, { depth: 10, showHidden: true, getters: true }),
    inspect({ connection }, { depth: 10 }),
    JSON.stringify(connection),
  ].join();
  for (const secret of [SECRET, KEY]) expect(seen).not.toContain(secret);
});
