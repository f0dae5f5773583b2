import { describe, expect, test } from "vitest";
import { checkClaims, decodeClaims, publicFacts } from "../../src/identity/claims.js";
import { CLIENT, caught, jwt, OID, TENANT } from "./support.js";

const SCOPE = "https://redis.azure.com/.default";
const OTHER_TENANT = "99999999-2222-4222-8222-222222222222";
const check = (claims: Record<string, unknown>, expected: Record<string, unknown> = {}) =>
  checkClaims(decodeClaims(jwt(claims)), { scope: SCOPE, nowMs: Date.now(), ...expected });

describe("reading a token", () => {
  test("gives the claims of a version 1 token", () => {
    const claims = decodeClaims(jwt({ xms_mirid: "/subscriptions/x", upn: "me@example.com" }));
    expect(claims).toMatchObject({
      oid: OID,
      tid: TENANT,
      appid: CLIENT,
      aud: "https://redis.azure.com",
      idtyp: "app",
      ver: "1.0",
      upn: "me@example.com",
      xms_mirid: "/subscriptions/x",
    });
    expect(claims.exp).toBeTypeOf("number");
  });

  test("ignores claims of another type", () => {
    expect(decodeClaims(jwt({ oid: 5, exp: "soon", tid: null }))).not.toHaveProperty("oid");
  });

  test.each([
    ["an opaque string", "abcdef"],
    ["two parts", "eyJhbGciOiJub25lIn0.eyJvaWQiOiIxIn0"],
    ["a body that is not JSON", `a.${Buffer.from("not json").toString("base64url")}.b`],
    ["a body that is a list", `a.${Buffer.from("[1]").toString("base64url")}.b`],
  ])("%s is not a token, and is not shown", async (_, text) => {
    const error = await caught(() => decodeClaims(text));
    expect(error.code).toBe("ERR_PASSWORDLESS_TOKEN_INVALID");
    expect(error.message).not.toContain(text);
  });

  test("public facts name neither the person nor the token", () => {
    const facts = publicFacts(decodeClaims(jwt({ upn: "me@example.com" })));
    expect(facts).toEqual({
      audience: "https://redis.azure.com",
      objectId: OID,
      tenantId: TENANT,
      clientId: CLIENT,
      identityType: "app",
    });
    expect(publicFacts({ azp: CLIENT })).toEqual({ clientId: CLIENT });
  });
});

describe("checking claims", () => {
  test("returns the object ID", () => {
    expect(check({})).toBe(OID);
  });

  test.each(["https://redis.azure.com", "https://redis.azure.com/", "acca5fbb-b7e4-4009-81f1-37e38fd66d78"])(
    "accepts the audience %s",
    (aud) => {
      expect(check({ aud })).toBe(OID);
    },
  );

  test("accepts the audience of another scope, when that was asked for", () => {
    expect(check({ aud: "https://redis.example/" }, { scope: "https://redis.example/.default" })).toBe(OID);
  });

  test("names both audiences when they differ", async () => {
    const error = await caught(() => check({ aud: "https://graph.microsoft.com" }));
    expect(error.code).toBe("ERR_PASSWORDLESS_AUDIENCE_MISMATCH");
    expect(error.message).toContain("https://graph.microsoft.com");
    expect(error.message).toContain(SCOPE);
  });

  test("names both tenants when they differ", async () => {
    const error = await caught(() => check({}, { expectedTenantId: OTHER_TENANT }));
    expect(error.code).toBe("ERR_PASSWORDLESS_TENANT_MISMATCH");
    expect(error.message).toContain(TENANT);
    expect(error.message).toContain(OTHER_TENANT);
  });

  test("compares tenants without case, and not with a domain name", () => {
    expect(check({}, { expectedTenantId: TENANT.toUpperCase() })).toBe(OID);
    expect(check({}, { expectedTenantId: "contoso.onmicrosoft.com" })).toBe(OID);
  });

  test("a token without an object ID has no user name", async () => {
    const error = await caught(() => check({ oid: undefined }));
    expect(error.code).toBe("ERR_PASSWORDLESS_OBJECT_ID_MISSING");
  });

  test("an expired token is refused by the issuer's clock", async () => {
    const exp = Math.floor(Date.now() / 1000) + 60;
    expect(check({ exp })).toBe(OID);
    const error = await caught(() => check({ exp }, { nowMs: exp * 1000 }));
    expect(error.code).toBe("ERR_PASSWORDLESS_TOKEN_EXPIRED");
    expect(error.retryable).toBe(true);
  });
});
