import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { explain } from "../../src/explain/explain.js";
import { createIdentityProvider, identityFromEnvironment } from "../../src/identity/index.js";
import { ask, CLIENT, jwt, OID, refusal, startServer, type TestServer } from "./support.js";

const RESOURCE_ID =
  "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i";
const HEADER = "the-identity-header-is-a-secret";
let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => {
  server.received.length = 0;
  server.answer = () => ({ body: { access_token: jwt(), expires_on: String(secondsFromNow(3600)) } });
});

const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;
const imds = () => ({ AZURE_POD_IDENTITY_AUTHORITY_HOST: server.origin });
const appService = () => ({ IDENTITY_ENDPOINT: `${server.origin}/msi/token/`, IDENTITY_HEADER: HEADER });

describe("the request to the instance metadata service", () => {
  test("has the documented path, query and header, and nothing else", async () => {
    await ask(createIdentityProvider({ managedIdentity: true }, imds()));
    expect(server.received[0]).toMatchObject({
      method: "GET",
      path: "/metadata/identity/oauth2/token",
      query: { "api-version": "2018-02-01", resource: "https://redis.azure.com" },
      body: "",
    });
    expect(server.received[0]?.query).not.toHaveProperty("client_id");
    expect(server.received[0]?.headers["metadata"]).toBe("true");
  });

  test.each([
    [{ clientId: CLIENT }, { client_id: CLIENT }],
    [{ objectId: OID }, { object_id: OID }],
    [{ resourceId: RESOURCE_ID }, { msi_res_id: RESOURCE_ID }],
    [{ managedIdentity: { clientId: CLIENT } }, { client_id: CLIENT }],
  ])("names a user-assigned identity by %o", async (options, query) => {
    await ask(createIdentityProvider(options, imds()));
    expect(server.received[0]?.query).toEqual({
      "api-version": "2018-02-01",
      resource: "https://redis.azure.com",
      ...query,
    });
  });

  test("asks for the resource of another scope", async () => {
    server.answer = { body: { access_token: jwt({ aud: "https://redis.example" }) } };
    await ask(
      createIdentityProvider({ managedIdentity: true, scope: "https://redis.example/.default" }, imds()),
    );
    expect(server.received[0]?.query["resource"]).toBe("https://redis.example");
  });
});

describe("the request to App Service and Container Apps", () => {
  test("has the documented query and the secret header", async () => {
    await ask(createIdentityProvider({ managedIdentity: true }, appService()));
    expect(server.received[0]).toMatchObject({
      method: "GET",
      path: "/msi/token/",
      query: { "api-version": "2019-08-01", resource: "https://redis.azure.com" },
    });
    expect(server.received[0]?.headers["x-identity-header"]).toBe(HEADER);
    expect(server.received[0]?.headers).not.toHaveProperty("metadata");
  });

  test.each([
    [{ clientId: CLIENT }, { client_id: CLIENT }],
    [{ objectId: OID }, { object_id: OID }],
    [{ resourceId: RESOURCE_ID }, { mi_res_id: RESOURCE_ID }],
  ])("names a user-assigned identity by %o", async (options, query) => {
    await ask(createIdentityProvider(options, appService()));
    expect(server.received[0]?.query).toMatchObject(query);
  });

  test("comes before the metadata service", async () => {
    await ask(identityFromEnvironment({ ...imds(), ...appService() }));
    expect(server.received[0]?.path).toBe("/msi/token/");
  });
});

describe("the answer", () => {
  test("becomes a token with the object ID as user name", async () => {
    const exp = secondsFromNow(86_400);
    server.answer = {
      headers: { date: new Date().toUTCString() },
      body: { access_token: jwt({ exp }), expires_on: String(exp), token_type: "Bearer" },
    };
    const response = await ask(createIdentityProvider({ managedIdentity: true }, imds()));
    expect(response).toMatchObject({ username: OID, expiresAtMs: exp * 1000, details: { clientId: CLIENT } });
    expect(Math.abs((response.serverTimeMs ?? 0) - Date.now())).toBeLessThan(2000);
  });

  const at = Date.UTC(2026, 10, 30, 18, 5, 6);
  test.each([
    ["epoch seconds as text", { expires_on: String(at / 1000) }],
    ["epoch seconds as number", { expires_on: at / 1000 }],
    ["a date of the 2017-09-01 version, 12 hours", { expires_on: "11/30/2026 6:05:06 PM +00:00" }],
    ["a date of the 2017-09-01 version, 24 hours", { expires_on: "11/30/2026 18:05:06 +00:00" }],
    ["an ISO date", { expires_on: "2026-11-30T18:05:06Z" }],
  ])("`expires_on` may be %s", async (_, expiry) => {
    server.answer = { body: { access_token: jwt({ exp: undefined }), ...expiry } };
    const { expiresAtMs } = await ask(createIdentityProvider({ managedIdentity: true }, imds()));
    expect(expiresAtMs).toBe(at);
  });

  test.each([3600, "3600"])(
    "without `expires_on`, `expires_in: %o` counts from the server's clock",
    async (value) => {
      server.answer = {
        headers: { date: "Mon, 30 Nov 2026 12:00:00 GMT" },
        body: { access_token: jwt({ exp: undefined }), expires_in: value, refresh_in: "1800" },
      };
      const response = await ask(createIdentityProvider({ managedIdentity: true }, imds()));
      expect(response.expiresAtMs).toBe(Date.UTC(2026, 10, 30, 13));
      expect(response.refreshAtMs).toBe(Date.UTC(2026, 10, 30, 12, 30));
    },
  );

  test("the token's own expiry counts, not what the endpoint says beside it", async () => {
    const exp = secondsFromNow(600);
    server.answer = { body: { access_token: jwt({ exp }), expires_on: String(secondsFromNow(86_400)) } };
    const { expiresAtMs } = await ask(createIdentityProvider({ managedIdentity: true }, imds()));
    expect(expiresAtMs).toBe(exp * 1000);
  });

  test("a token of another tenant is refused when a tenant is expected", async () => {
    const expectedTenantId = "99999999-2222-4222-8222-222222222222";
    const error = await refusal(createIdentityProvider({ managedIdentity: true, expectedTenantId }, imds()));
    expect(error.code).toBe("ERR_PASSWORDLESS_TENANT_MISMATCH");
  });

  test.each([
    ["no token", { token_type: "Bearer" }],
    ["an empty token", { access_token: "" }],
    ["a page", "<html>login</html>"],
  ])("%s is a passing fault of the provider", async (_, body) => {
    server.answer = { body };
    const error = await refusal(createIdentityProvider({ managedIdentity: true }, imds()));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", retryable: true });
  });
});

const REJECTED = "ERR_PASSWORDLESS_IDENTITY_REJECTED";
const UNAVAILABLE = "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE";
const PROVIDER_ERROR = "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR";

describe("a refusal", () => {
  test.each([
    [
      400,
      { error: "invalid_request", error_description: "Identity not found" },
      REJECTED,
      false,
      /Attach/,
      "managed-identity-not-attached",
    ],
    [
      400,
      { error: "invalid_request", error_description: "Required metadata header not specified" },
      REJECTED,
      false,
      /proxy/,
      "metadata-header-missing",
    ],
    [
      400,
      {
        error: "invalid_request",
        error_description: "Multiple user assigned identities exist, please specify",
      },
      REJECTED,
      false,
      /clientId/,
      "managed-identity-not-named",
    ],
    [
      400,
      {
        statusCode: 400,
        message: "No User Assigned or Delegated Managed Identity found for specified ClientId",
      },
      REJECTED,
      false,
      /AZURE_CLIENT_ID/,
      "managed-identity-not-attached",
    ],
    [
      400,
      { error: "invalid_resource", error_description: "AADSTS500011: The resource principal was not found" },
      REJECTED,
      false,
      /scope/,
      "resource-unknown",
    ],
    [401, { message: "unauthorized" }, REJECTED, false, /IDENTITY_HEADER/, "identity-header-rejected"],
    [
      403,
      "connecting to 169.254.169.254: an unreachable network",
      UNAVAILABLE,
      false,
      /az login/,
      "docker-desktop-metadata",
    ],
    [403, "denied by policy", UNAVAILABLE, true, /proxy/, "metadata-behind-proxy"],
    [
      403,
      { error: { code: "forbidden", message: "not for you" } },
      REJECTED,
      false,
      /configuration/,
      "identity-refused",
    ],
    [404, "", UNAVAILABLE, true, /managed identity/, "managed-identity-updating"],
    [410, "", UNAVAILABLE, true, /repeated/, "managed-identity-updating"],
    [
      429,
      { error: "too_many_requests" },
      "ERR_PASSWORDLESS_THROTTLED",
      true,
      /repeated/,
      "managed-identity-throttled",
    ],
    [500, { error: "unknown" }, PROVIDER_ERROR, true, /repeated/, "managed-identity-failing"],
    [503, "<html>", PROVIDER_ERROR, true, /repeated/, "managed-identity-failing"],
    [302, "", PROVIDER_ERROR, true, /address/, "token-answer-malformed"],
  ])("HTTP %i %o is %s, retryable: %s", async (status, body, code, retryable, remedy, rule) => {
    server.answer = { status, body };
    const error = await refusal(createIdentityProvider({ clientId: CLIENT }, imds()));
    expect(error).toMatchObject({ code, rule, retryable });
    expect(error.remedy).toMatch(remedy);
    expect(error.details).toMatchObject({ status, target: "managedIdentity", selector: "clientId" });
    expect(error.message).toContain(CLIENT);
    expect(explain(error)).toMatchObject({ code, rule, retryable, remedy: error.remedy });
  });

  test("that may have several reasons names them all", async () => {
    server.answer = { status: 400, body: { error_description: "Identity not found" } };
    const error = await refusal(createIdentityProvider({ clientId: CLIENT }, imds()));
    const explanation = explain(error);
    expect(explanation?.certainty).toBe("likely");
    expect(explanation?.alternatives.map(({ rule }) => rule)).toEqual([
      "app-registration-instead-of-managed-identity",
      "managed-identity-id-kind-unclear",
    ]);
  });

  test("is certain once an experiment has shown of which kind the ID is", async () => {
    server.answer = { status: 400, body: { error_description: "Identity not found" } };
    const error = await refusal(createIdentityProvider({ clientId: CLIENT }, imds()));
    expect(explain(error, { worksAs: "objectId" })).toMatchObject({
      rule: "managed-identity-id-of-wrong-kind",
      certainty: "certain",
      remedy: "Give the ID as `objectId`, not as `clientId`.",
    });
  });

  test("of the system-assigned identity means that there is none", async () => {
    server.answer = { status: 400, body: { error_description: "Identity not found" } };
    const error = await refusal(createIdentityProvider({ managedIdentity: true }, imds()));
    expect(error).toMatchObject({ code: REJECTED, rule: "managed-identity-none" });
    expect(explain(error)).toMatchObject({ rule: "managed-identity-none", certainty: "certain" });
  });

  test("passes Retry-After on", async () => {
    server.answer = { status: 429, headers: { "retry-after": "7" } };
    const error = await refusal(createIdentityProvider({ managedIdentity: true }, imds()));
    expect(error.retryAfterMs).toBe(7000);
  });

  test("does not show the identity header, whatever the endpoint echoes", async () => {
    server.answer = { status: 400, body: { message: `bad header ${HEADER} with ${jwt()}` } };
    const error = await refusal(createIdentityProvider({ managedIdentity: true }, appService()));
    expect(error.message).not.toContain(HEADER);
    expect(error.message).not.toContain("eyJ");
  });

  test("an endpoint that nobody serves is unavailable, with a remedy for a laptop", async () => {
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:1" };
    const error = await refusal(createIdentityProvider({ managedIdentity: true }, env));
    expect(error).toMatchObject({ code: UNAVAILABLE, retryable: true });
    expect(error.remedy).toContain("az login");
    expect(error.details["networkError"]).toBe("ECONNREFUSED");
    expect(explain(error)).toMatchObject({ rule: "not-on-azure", certainty: "likely" });
  });

  test("an App Service endpoint that nobody serves is a variable of another process", async () => {
    const env = { IDENTITY_ENDPOINT: "http://127.0.0.1:1/msi/token", IDENTITY_HEADER: HEADER };
    const error = await refusal(createIdentityProvider({ managedIdentity: true }, env));
    expect(error).toMatchObject({
      rule: "identity-endpoint-unreachable",
      code: UNAVAILABLE,
      retryable: true,
    });
    expect(error.remedy).toContain("IDENTITY_ENDPOINT");
    expect(explain(error)?.rule).toBe("identity-endpoint-unreachable");
  });
});
