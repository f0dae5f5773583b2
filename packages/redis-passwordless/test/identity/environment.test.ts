import { describe, expect, test } from "vitest";
import { identityFromEnvironment } from "../../src/identity/index.js";
import { CLIENT, caught, jwt, refusal, SECRET, startServer, TENANT } from "./support.js";

const APP = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT };
const FEDERATED = { ...APP, AZURE_FEDERATED_TOKEN_FILE: "/var/run/token" };
const SECRETS = { ...APP, AZURE_CLIENT_SECRET: SECRET };
const CERTIFICATE = { ...APP, AZURE_CLIENT_CERTIFICATE_PATH: "/certs/app.pem" };
const APP_SERVICE = { IDENTITY_ENDPOINT: "http://127.0.0.1:4141/msi", IDENTITY_HEADER: "h" };
const IMDS = { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:1" };

describe("the environment decides, the first rule that applies", () => {
  test.each<[string, Record<string, string>, string, RegExp]>([
    [
      "dev",
      { ...FEDERATED, AZURE_TOKEN_CREDENTIALS: "dev" },
      "defaultAzureCredential",
      /AZURE_TOKEN_CREDENTIALS/,
    ],
    [
      "one credential",
      { AZURE_TOKEN_CREDENTIALS: "AzureCliCredential" },
      "defaultAzureCredential",
      /azureclicredential/,
    ],
    ["a federated token", { ...FEDERATED, ...SECRETS, ...APP_SERVICE }, "workloadIdentity", /FEDERATED/],
    ["a secret", { ...SECRETS, ...CERTIFICATE, ...APP_SERVICE }, "servicePrincipal", /AZURE_CLIENT_SECRET/],
    ["a certificate", { ...CERTIFICATE, ...APP_SERVICE }, "servicePrincipal", /CERTIFICATE_PATH/],
    ["App Service", { ...APP_SERVICE, ...IMDS }, "managedIdentity", /IDENTITY_HEADER/],
    ["IMDS", IMDS, "managedIdentity", /POD_IDENTITY/],
    ["Cloud Shell", { MSI_ENDPOINT: "http://localhost:50342/oauth2/token" }, "managedIdentity", /platform/],
    ["production", { AZURE_TOKEN_CREDENTIALS: "prod" }, "managedIdentity", /prod/],
    [
      "production with a secret",
      { ...SECRETS, AZURE_TOKEN_CREDENTIALS: "prod" },
      "servicePrincipal",
      /SECRET/,
    ],
    ["nothing", {}, "ambient", /no variable/],
    [
      "half a service principal",
      { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_SECRET: SECRET },
      "ambient",
      /no variable/,
    ],
    ["empty variables", { ...APP, AZURE_CLIENT_SECRET: "", IDENTITY_ENDPOINT: "" }, "ambient", /no variable/],
  ])("%s", (_, env, kind, reason) => {
    const provider = identityFromEnvironment(env);
    expect(provider.kind).toBe(kind);
    expect(provider.reason).toMatch(reason);
    expect(provider.reason).not.toContain(SECRET);
  });

  test("AZURE_CLIENT_ID names the user-assigned identity, and the reason says so", () => {
    const provider = identityFromEnvironment({ ...APP_SERVICE, AZURE_CLIENT_ID: CLIENT });
    expect(provider.description).toBe(`managed identity with client ID ${CLIENT}`);
    expect(provider.reason).toContain("AZURE_CLIENT_ID names the identity");
  });

  test("Service Fabric, Azure Machine Learning and Azure Arc go through @azure/identity", () => {
    const describeOf = (env: Record<string, string>) => identityFromEnvironment(env).description;
    expect(describeOf({ ...APP_SERVICE, IDENTITY_SERVER_THUMBPRINT: "t" })).toContain("Service Fabric");
    expect(describeOf({ MSI_ENDPOINT: "http://x", MSI_SECRET: "s" })).toContain("Azure Machine Learning");
    const arc = { IDENTITY_ENDPOINT: "http://x", IMDS_ENDPOINT: "http://y" };
    expect(describeOf(arc)).toContain("Azure Arc");
  });

  test("AZURE_AUTHORITY_HOST may be an address or a bare host name; `cloud` comes first", async () => {
    const message = async (env: Record<string, string>, options = {}) =>
      (await refusal(identityFromEnvironment({ ...SECRETS, ...env }, options))).message;
    expect(await message({ AZURE_AUTHORITY_HOST: "https://localhost:1/" })).toContain(
      "(https://localhost:1)",
    );
    expect(await message({ AZURE_AUTHORITY_HOST: "localhost:1" })).toContain("(https://localhost:1)");
    const authorityHost = "https://127.0.0.1:1";
    expect(await message({ AZURE_AUTHORITY_HOST: "https://localhost:1" }, { authorityHost })).toContain(
      authorityHost,
    );
  });

  test.each([
    ["AZURE_AUTHORITY_HOST", { ...SECRETS, AZURE_AUTHORITY_HOST: "http://login.example" }],
    ["IDENTITY_ENDPOINT", { ...APP_SERVICE, IDENTITY_ENDPOINT: "127.0.0.1:80" }],
    ["AZURE_POD_IDENTITY_AUTHORITY_HOST", { AZURE_POD_IDENTITY_AUTHORITY_HOST: "file:///x" }],
  ])("a variable that cannot be right is named: %s", async (name, env) => {
    const error = await caught(() => identityFromEnvironment(env));
    expect(error.code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
    expect(error.message).toContain(name);
  });
});

describe("without any variable", () => {
  // The metadata service has a fixed address, so the rule is tested on its parts.
  const load = async (probeUrl: string, developer: () => Promise<never>) => {
    const { AmbientProvider } = await import("../../src/identity/ambient.js");
    let asked = 0;
    const managedIdentity = {
      description: "managed",
      requestToken: () => {
        asked += 1;
        return Promise.resolve({ token: jwt(), username: "managed", expiresAtMs: Date.now() + 60_000 });
      },
    };
    const provider = new AmbientProvider(
      {
        managedIdentity,
        developer: { description: "developer", requestToken: developer },
        probeUrl,
        isNamed: false,
      },
      "ambient",
    );
    return { provider, asked: () => asked };
  };
  const signal = () => AbortSignal.timeout(10_000);
  const unused = () => Promise.reject(new Error("the developer was asked"));

  test("a metadata service that answers is asked, and stays", async () => {
    await using imds = await startServer();
    imds.answer = { status: 400, body: { error: "invalid_request" } };
    const { provider, asked } = await load(`${imds.origin}/metadata/identity/oauth2/token`, unused);
    await provider.requestToken({ signal: signal() });
    await provider.requestToken({ signal: signal() });
    expect(asked()).toBe(2);
    expect(imds.received).toHaveLength(1);
    expect(imds.received[0]?.headers).not.toHaveProperty("metadata");
  });

  test.each([
    [403, "application/json"],
    [200, "text/html"],
  ])("what a proxy answers (%i, %s) is no metadata service", async (status, contentType) => {
    await using proxy = await startServer();
    proxy.answer = { status, headers: { "content-type": contentType } };
    const { provider } = await load(proxy.origin, unused);
    await expect(provider.requestToken({ signal: signal() })).rejects.toThrow("the developer was asked");
  });

  test("a metadata service that hangs is given up after a second", async () => {
    await using silent = await startServer();
    silent.answer = () => undefined;
    const started = Date.now();
    const { provider } = await load(silent.origin, unused);
    await expect(provider.requestToken({ signal: signal() })).rejects.toThrow("the developer was asked");
    expect(Date.now() - started).toBeLessThan(3000);
  });

  test("without @azure/identity the error says what to install, and the search goes on", async () => {
    const { PasswordlessError } = await import("../../src/core/errors.js");
    const missing = new PasswordlessError("ERR_PASSWORDLESS_PEER_MISSING", { message: "m", remedy: "r" });
    const { provider } = await load("http://127.0.0.1:1/", () => Promise.reject(missing));
    expect(await refusal(provider)).toMatchObject({
      code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
      retryable: true,
    });
  });
});
