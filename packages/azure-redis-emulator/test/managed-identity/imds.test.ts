import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Emulator, type Identity, startEmulator } from "../../src/index.js";
import { askImds, claimsIn, request } from "../support/http.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});

afterAll(() => azure.close());

test("the token comes with numbers as strings, and expires_on is the token's own end", async () => {
  const response = await askImds(azure);
  expect(response.status).toBe(200);
  const claims = claimsIn(response);
  expect(response.body).toEqual({
    access_token: expect.any(String) as string,
    client_id: azure.systemIdentity.clientId,
    expires_in: expect.stringMatching(/^3[56]\d\d$/) as string,
    expires_on: String(claims["exp"]),
    ext_expires_in: response.body["expires_in"],
    not_before: String(claims["nbf"]),
    refresh_token: "",
    resource: "https://redis.azure.com",
    token_type: "Bearer",
  });
  expect(claims["oid"]).toBe(azure.systemIdentity.objectId);
});

test.each(["client_id", "object_id", "principal_id", "msi_res_id", "mi_res_id"])(
  "%s names a user-assigned identity",
  async (name) => {
    const { clientId, objectId, resourceId = "" } = azure.userIdentity;
    const value = name.endsWith("res_id") ? resourceId : name === "client_id" ? clientId : objectId;
    const response = await askImds(azure, { [name]: value });
    expect(claimsIn(response)).toMatchObject({ oid: objectId, xms_mirid: resourceId });
  },
);

test("the path may end in a slash, as msal sends it", async () => {
  const url = `${azure.imdsHost}/metadata/identity/oauth2/token/?api-version=2018-02-01&resource=https://redis.azure.com/`;
  expect((await request(url, { headers: { Metadata: "true" } })).status).toBe(200);
});

describe("refusals", () => {
  test.each<[string, Record<string, string>, Record<string, string>, string, string]>([
    ["no Metadata header", {}, {}, "bad_request_102", "Required metadata header not specified"],
    [
      "a forwarded request",
      {},
      { Metadata: "true", "X-Forwarded-For": "10.0.0.1" },
      "bad_request_101",
      "Forwarded requests are not allowed",
    ],
    [
      "no api-version",
      { "api-version": "" },
      { Metadata: "true" },
      "invalid_request",
      "Required query variable 'api-version' is missing or not a date",
    ],
    [
      "no resource",
      { resource: "" },
      { Metadata: "true" },
      "invalid_request",
      "Required query variable 'resource' is missing",
    ],
    [
      "an unknown identity",
      { client_id: "x" },
      { Metadata: "true" },
      "invalid_request",
      "Identity not found",
    ],
  ])("%s", async (_name, parameters, headers, error, description) => {
    const { status, body } = await askImds(azure, parameters, headers);
    expect(status).toBe(400);
    expect(body).toEqual({ error, error_description: description });
  });

  test("another resource", async () => {
    const { status, body } = await askImds(azure, { resource: "https://redis.example" });
    expect(status).toBe(400);
    expect(body).toMatchObject({
      error: "invalid_resource",
      error_description: expect.stringMatching(/^AADSTS500011: /) as string,
    });
  });

  test("another path is not found", async () => {
    expect((await request(`${azure.imdsHost}/metadata/instance`)).status).toBe(404);
  });
});

describe("without a system-assigned identity", () => {
  let machine: Emulator;

  beforeEach(async () => {
    machine = await startEmulator();
    machine.removeIdentity(machine.systemIdentity.objectId);
    return () => machine.close();
  });

  test("the only user-assigned identity is the default; of several, one must be named", async () => {
    expect(claimsIn(await askImds(machine))["oid"]).toBe(machine.userIdentity.objectId);
    const second = machine.addManagedIdentity({ kind: "user" });
    const { status, body } = await askImds(machine);
    expect(status).toBe(400);
    expect(body["error_description"]).toMatch(/^Multiple user assigned identities exist/);
    expect(claimsIn(await askImds(machine, { client_id: second.clientId }))["oid"]).toBe(second.objectId);
  });

  test("without any identity none is found", async () => {
    machine.removeIdentity(machine.userIdentity.objectId);
    expect((await askImds(machine)).body["error_description"]).toBe("Identity not found");
  });
});

describe("the platform's cache", () => {
  const ask = async ({ clientId }: Identity) => claimsIn(await askImds(azure, { client_id: clientId }));

  test("without one every request gets a new token", async () => {
    expect((await ask(azure.userIdentity))["uti"]).not.toBe((await ask(azure.userIdentity))["uti"]);
  });

  test("with one the same token is served until shortly before its end", async () => {
    const identity = azure.addManagedIdentity({
      kind: "user",
      tokenLifetimeMs: 3_600_000,
      cacheUntilMsBeforeExpiry: 600_000,
    });
    const first = await ask(identity);
    expect((await ask(identity))["uti"]).toBe(first["uti"]);
    try {
      azure.setClockOffset(3_600_000 - 610_000);
      expect((await ask(identity))["uti"]).toBe(first["uti"]);
      azure.setClockOffset(3_600_000 - 590_000);
      expect((await ask(identity))["uti"]).not.toBe(first["uti"]);
    } finally {
      azure.setClockOffset(0);
    }
  });
});

test("the clock's offset shows in the Date header and in the token's times", async () => {
  azure.setClockOffset(-7_200_000);
  try {
    const response = await askImds(azure);
    const expectedMs = Date.now() - 7_200_000;
    expect(Math.abs(Date.parse(response.headers.date ?? "") - expectedMs)).toBeLessThan(5000);
    expect(Math.abs(Number(claimsIn(response)["iat"]) * 1000 - expectedMs)).toBeLessThan(5000);
  } finally {
    azure.setClockOffset(0);
  }
});

test("an identity's lifetime can be as short as a second", async () => {
  azure.setTokenLifetime(1000, azure.userIdentity.objectId);
  const response = await askImds(azure, { client_id: azure.userIdentity.clientId });
  expect(response.body["expires_in"]).toMatch(/^[01]$/);
  const { exp, iat } = claimsIn(response);
  expect(Number(exp) - Number(iat)).toBeLessThanOrEqual(2);
});
