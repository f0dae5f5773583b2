import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { askAuthority, claimsIn, request, type TokenForm } from "../support/http.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});

afterAll(() => azure.close());

describe("discovery", () => {
  test.each([
    ["v2.0/.well-known/openid-configuration", "oauth2/v2.0/token", "v2.0"],
    [".well-known/openid-configuration", "oauth2/token", undefined],
  ])("%s names the endpoints of its version", async (path, tokenPath, issuerPath) => {
    const base = `${azure.authorityHost}/${azure.tenantId}`;
    const { status, body } = await request(`${base}/${path}`, { ca: azure.caCertificate });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      token_endpoint: `${base}/${tokenPath}`,
      issuer: issuerPath ? `${base}/${issuerPath}` : `https://sts.windows.net/${azure.tenantId}/`,
      authorization_endpoint: expect.stringContaining(base) as string,
    });
    const keys = await request(String(body["jwks_uri"]), { ca: azure.caCertificate });
    expect(keys.body).toEqual({
      keys: [expect.objectContaining({ kty: "RSA", use: "sig", alg: "RS256" })],
    });
    expect(JSON.stringify(keys.body)).not.toContain('"d"');
  });

  test("an unknown tenant has none", async () => {
    const url = `${azure.authorityHost}/${crypto.randomUUID()}/v2.0/.well-known/openid-configuration`;
    const { status, body } = await request(url, { ca: azure.caCertificate });
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: "invalid_tenant", error_codes: [90002] });
  });

  test("a client that does not trust the CA gets nowhere", async () => {
    await expect(request(azure.authorityHost)).rejects.toThrow(/certificate/);
  });
});

describe("client secret", () => {
  test("the right one gets a token for the service principal's object ID", async () => {
    const response = await askAuthority(azure);
    expect(response.status).toBe(200);
    const life = expect.toBeOneOf([3600, 3599]) as number; // In which second it is counted is chance.
    expect(response.body).toMatchObject({ token_type: "Bearer", expires_in: life, ext_expires_in: life });
    expect(response.body).not.toHaveProperty("refresh_in");
    expect(claimsIn(response)).toMatchObject({
      oid: azure.servicePrincipal.objectId,
      appid: azure.servicePrincipal.clientId,
      tid: azure.tenantId,
      aud: "https://redis.azure.com",
      appidacr: "1",
    });
    expect(response.headers["cache-control"]).toBe("no-store");
  });

  test("the path may end in a slash and have a query, the tenant may be in capitals", async () => {
    const { status } = await askAuthority(azure, {
      tenant: azure.tenantId.toUpperCase(),
      path: "oauth2/v2.0/token/?client-request-id=1",
    });
    expect(status).toBe(200);
  });

  test("the resource may be named by its GUID", async () => {
    const scope = "acca5fbb-b7e4-4009-81f1-37e38fd66d78/.default";
    expect((await askAuthority(azure, { fields: { scope } })).status).toBe(200);
  });

  test("credentials may arrive in an Authorization header", async () => {
    const { clientId, secret = "" } = azure.servicePrincipal;
    const { status } = await request(`${azure.authorityHost}/${azure.tenantId}/oauth2/v2.0/token`, {
      method: "POST",
      headers: { Authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString("base64")}` },
      body: "grant_type=client_credentials&scope=https%3A%2F%2Fredis.azure.com%2F.default",
      ca: azure.caCertificate,
    });
    expect(status).toBe(200);
  });

  test("the v1 endpoint takes a resource and answers with strings", async () => {
    const response = await askAuthority(azure, {
      path: "oauth2/token",
      fields: { scope: undefined, resource: "https://redis.azure.com/" },
    });
    expect(response.body).toMatchObject({ resource: "https://redis.azure.com/" });
    expect(response.body["expires_in"]).toMatch(/^(3600|3599)$/);
    expect(response.body["expires_on"]).toBe(String(claimsIn(response)["exp"]));
  });

  test("a long-lived token comes with the advice to refresh it at half its life", async () => {
    const { clientId, secret } = azure.addServicePrincipal({ tokenLifetimeMs: 24 * 3_600_000 });
    const { body } = await askAuthority(azure, { fields: { client_id: clientId, client_secret: secret } });
    const left = Number(body["expires_in"]);
    expect(left).toBeOneOf([86_400, 86_399]);
    expect(body["refresh_in"]).toBe(Math.floor(left / 2));
  });
});

describe("refusals", () => {
  const cases: readonly [string, TokenForm, number, string, number][] = [
    ["a wrong secret", { fields: { client_secret: "wrong" } }, 401, "invalid_client", 7000215],
    ["no secret and no assertion", { fields: { client_secret: undefined } }, 401, "invalid_client", 7000218],
    ["an unknown tenant", { tenant: crypto.randomUUID() }, 400, "invalid_request", 90002],
    ["the tenant /common", { tenant: "common" }, 400, "invalid_request", 9001023],
    ["an unknown application", { fields: { client_id: "nobody" } }, 400, "unauthorized_client", 700016],
    ["no application", { fields: { client_id: undefined } }, 400, "invalid_request", 900144],
    ["no scope", { fields: { scope: undefined } }, 400, "invalid_request", 900144],
    [
      "a scope without /.default",
      { fields: { scope: "https://redis.azure.com" } },
      400,
      "invalid_scope",
      70011,
    ],
    [
      "two scopes",
      { fields: { scope: "https://redis.azure.com/.default https://graph.microsoft.com/.default" } },
      400,
      "invalid_scope",
      70011,
    ],
    [
      "a resource that is not there",
      { fields: { scope: "https://redis.azure.example/.default" } },
      400,
      "invalid_resource",
      500011,
    ],
    ["no grant type", { fields: { grant_type: undefined } }, 400, "invalid_request", 900144],
    ["another grant", { fields: { grant_type: "password" } }, 400, "unsupported_grant_type", 70003],
    [
      "a malformed assertion",
      {
        fields: {
          client_assertion: "a.b.c",
          client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
      },
      400,
      "invalid_request",
      50027,
    ],
  ];

  test.each(cases)("%s is answered as Entra ID does", async (_name, form, status, error, code) => {
    const response = await askAuthority(azure, form);
    expect(response.status).toBe(status);
    expect(response.body).toEqual({
      error,
      error_description: expect.stringMatching(
        new RegExp(
          `^AADSTS${code}: .+ Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\dZ$`,
        ),
      ) as string,
      error_codes: [code],
      timestamp: expect.stringMatching(/^[\d-]{10} [\d:]{8}Z$/) as string,
      trace_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      correlation_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      error_uri: `${azure.authorityHost}/error?code=${code}`,
    });
  });

  test("an expired secret is told from a wrong one", async () => {
    const { clientId, secret } = azure.addServicePrincipal({ secretExpired: true });
    const expired = await askAuthority(azure, { fields: { client_id: clientId, client_secret: secret } });
    expect(expired.status).toBe(401);
    expect(expired.body).toMatchObject({ error: "invalid_client", error_codes: [7000222] });
    const wrong = await askAuthority(azure, { fields: { client_id: clientId, client_secret: "wrong" } });
    expect(wrong.body).toMatchObject({ error_codes: [7000215] });
  });

  test("the correlation ID is the request's", async () => {
    const correlationId = crypto.randomUUID();
    const { body } = await askAuthority(azure, {
      path: `oauth2/v2.0/token?client-request-id=${correlationId}`,
      fields: { client_secret: "wrong" },
    });
    expect(body["correlation_id"]).toBe(correlationId);
    expect(body["error_description"]).toContain(`Correlation ID: ${correlationId}`);
  });

  test("neither the secret nor the token is in the event log", async () => {
    const since = azure.events.length;
    await askAuthority(azure, { fields: { client_secret: "hunter2" } });
    const { body } = await askAuthority(azure);
    const log = JSON.stringify(azure.events);
    expect(log).not.toContain("hunter2");
    expect(log).not.toContain("eyJ");
    expect(log).not.toContain(String(body["access_token"]));
    expect(azure.events.slice(since)).toMatchObject([
      {
        type: "tokenRequest",
        endpoint: "authority",
        status: 401,
        issued: false,
        query: { client_secret: "[redacted]" },
      },
      { type: "tokenRequest", status: 200, issued: true, objectId: azure.servicePrincipal.objectId },
    ]);
  });
});

test("tokens are in the v2 shape when asked for", async () => {
  await using other = await startEmulator({
    tokenVersion: "v2",
    tenantId: "11111111-2222-3333-4444-555555555555",
  });
  expect(claimsIn(await askAuthority(other))).toMatchObject({
    ver: "2.0",
    aud: "acca5fbb-b7e4-4009-81f1-37e38fd66d78",
    iss: `${other.authorityHost}/11111111-2222-3333-4444-555555555555/v2.0`,
    azp: other.servicePrincipal.clientId,
  });
});
