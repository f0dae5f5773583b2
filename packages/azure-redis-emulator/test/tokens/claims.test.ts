import { describe, expect, test } from "vitest";
import {
  managedIdentityRecord,
  servicePrincipalRecord,
  userRecord,
} from "../../src/directory/identity-record.js";
import { accessTokenClaims, expiresIn, newTokenId, tokenTimes } from "../../src/tokens/claims.js";

describe("a token's times", () => {
  test.each([0, 1, 499, 500, 999])(
    "a token begins at once and lives as long as was asked: %i ms past the second",
    (ms) => {
      const nowMs = 1_800_000_000_000 + ms;
      for (const lifetimeMs of [1000, 1500, 2000, 3_600_000]) {
        const { issuedAt, expiresAt } = tokenTimes(nowMs, lifetimeMs);
        expect(issuedAt * 1000).toBeLessThanOrEqual(nowMs);
        expect(expiresAt * 1000 - nowMs).toBeGreaterThanOrEqual(lifetimeMs);
        expect(expiresAt * 1000 - nowMs).toBeLessThan(lifetimeMs + 1000);
      }
    },
  );

  test.each([0, 1, 999])(
    "expires_in never counts past exp, and never below the whole seconds asked for",
    (ms) => {
      const nowMs = 1_800_000_000_000 + ms;
      const { expiresAt } = tokenTimes(nowMs, 1000);
      const seconds = expiresIn(nowMs, expiresAt);
      expect(seconds).toBe(1);
      expect(nowMs + seconds * 1000).toBeLessThanOrEqual(expiresAt * 1000);
    },
  );

  test("expires_in of an expired token is 0", () => {
    expect(expiresIn(1_800_000_000_000, 1_799_999_000)).toBe(0);
  });
});

describe("claims", () => {
  const context = {
    tenantId: "tenant",
    authorityHost: "https://localhost:1",
    tokenId: "uti",
    issuedAt: 1,
    expiresAt: 2,
  } as const;

  test("a v1 token has the resource's URI as audience and names its client by appid", () => {
    const record = servicePrincipalRecord({ objectId: "oid", clientId: "client" });
    expect(accessTokenClaims(record, { ...context, version: "v1", proof: "secret" })).toEqual({
      aud: "https://redis.azure.com",
      iss: "https://sts.windows.net/tenant/",
      idp: "https://sts.windows.net/tenant/",
      iat: 1,
      nbf: 1,
      exp: 2,
      appid: "client",
      appidacr: "1",
      idtyp: "app",
      oid: "oid",
      sub: "oid",
      tid: "tenant",
      uti: "uti",
      ver: "1.0",
    });
  });

  test("a v2 token has the resource's GUID as audience and names its client by azp", () => {
    const record = servicePrincipalRecord({ objectId: "oid", clientId: "client" });
    expect(accessTokenClaims(record, { ...context, version: "v2", proof: "certificate" })).toMatchObject({
      aud: "acca5fbb-b7e4-4009-81f1-37e38fd66d78",
      iss: "https://localhost:1/tenant/v2.0",
      azp: "client",
      azpacr: "2",
      ver: "2.0",
    });
  });

  test("a managed identity's token names its resource", () => {
    const record = managedIdentityRecord({ kind: "user", resourceId: "/subscriptions/s/identity" });
    expect(accessTokenClaims(record, { ...context, version: "v1", proof: "certificate" })).toMatchObject({
      xms_mirid: "/subscriptions/s/identity",
      appidacr: "2",
    });
  });

  test("a user's token names the user, and the client that the user has signed in to", () => {
    const record = userRecord({ objectId: "oid", userPrincipalName: "ada@contoso.com" });
    const user = { ...context, proof: "none", clientId: "client" } as const;
    expect(accessTokenClaims(record, { ...user, version: "v1" })).toMatchObject({
      appid: "client",
      appidacr: "0",
      idtyp: "user",
      oid: "oid",
      name: "ada",
      scp: "user_impersonation",
      unique_name: "ada@contoso.com",
      upn: "ada@contoso.com",
    });
    expect(accessTokenClaims(record, { ...user, version: "v2" })).toMatchObject({
      azp: "client",
      azpacr: "0",
      preferred_username: "ada@contoso.com",
    });
  });

  test("the subject of a user's token is another one for each client", () => {
    const record = userRecord({});
    const subject = (clientId: string) =>
      accessTokenClaims(record, { ...context, version: "v1", proof: "none", clientId })["sub"];
    expect(subject("one")).not.toBe(subject("other"));
    expect(subject("one")).toBe(subject("one"));
  });

  test("token identifiers are unique", () => {
    expect(new Set(Array.from({ length: 1000 }, newTokenId)).size).toBe(1000);
  });
});
