import { afterAll, beforeAll, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { askAppService, claimsIn, request } from "../support/http.js";

const NOT_FOUND =
  "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});

afterAll(() => azure.close());

test("without a name the system-assigned identity gets its token, with expires_on as a string", async () => {
  const response = await askAppService(azure);
  const claims = claimsIn(response);
  expect(response.body).toEqual({
    access_token: expect.any(String) as string,
    client_id: azure.systemIdentity.clientId,
    expires_on: String(claims["exp"]),
    not_before: String(claims["nbf"]),
    resource: "https://redis.azure.com",
    token_type: "Bearer",
  });
  expect(claims["oid"]).toBe(azure.systemIdentity.objectId);
});

test.each(["client_id", "principal_id", "object_id", "mi_res_id"])(
  "%s names a user-assigned identity",
  async (name) => {
    const { clientId, objectId, resourceId = "" } = azure.userIdentity;
    const value = name === "mi_res_id" ? resourceId : name === "client_id" ? clientId : objectId;
    expect(claimsIn(await askAppService(azure, { [name]: value }))["oid"]).toBe(objectId);
  },
);

test("IMDS's name for a resource ID is not known here", async () => {
  const { resourceId = "" } = azure.userIdentity;
  expect(claimsIn(await askAppService(azure, { msi_res_id: resourceId }))["oid"]).toBe(
    azure.systemIdentity.objectId,
  );
});

test("the version of 2017 has other names and writes the end as a date", async () => {
  const response = await askAppService(
    azure,
    { "api-version": "2017-09-01", clientid: azure.userIdentity.clientId },
    { secret: azure.appService.header },
  );
  const { exp, oid } = claimsIn(response);
  expect(oid).toBe(azure.userIdentity.objectId);
  expect(response.body["expires_on"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
  expect(Date.parse(String(response.body["expires_on"]))).toBe(Number(exp) * 1000);
});

test.each<[string, Record<string, string>, Record<string, string> | undefined, number, string | RegExp]>([
  ["an unknown identity", { client_id: "x" }, undefined, 400, NOT_FOUND],
  ["no header", {}, {}, 401, /x-identity-header/],
  ["a wrong header", {}, { "X-IDENTITY-HEADER": "x" }, 401, /x-identity-header/],
  ["another api-version", { "api-version": "2018-02-01" }, undefined, 400, /api-version/],
  ["no resource", { resource: "" }, undefined, 400, /resource/],
  ["another resource", { resource: "https://redis.example" }, undefined, 400, /^AADSTS500011: /],
])("%s is refused", async (_name, parameters, headers, status, message) => {
  const response = await askAppService(azure, parameters, headers);
  expect(response.status).toBe(status);
  expect(response.body).toEqual({
    statusCode: status,
    message: expect.stringMatching(message) as string,
    correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
  });
});

test("a user-assigned identity is never the default, not even the only one", async () => {
  await using app = await startEmulator();
  app.removeIdentity(app.systemIdentity.objectId);
  expect((await askAppService(app)).body["message"]).toBe(NOT_FOUND);
});

test("the header's value is not in the event log", async () => {
  await askAppService(azure);
  expect(JSON.stringify(azure.events)).not.toContain(azure.appService.header);
});

test("another path is not found", async () => {
  expect((await request(new URL("/other", azure.appService.endpoint).href)).status).toBe(404);
});
