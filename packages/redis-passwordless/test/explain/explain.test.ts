import { describe, expect, test } from "vitest";
import { PasswordlessError } from "../../src/core/errors.js";
import { explain } from "../../src/explain/explain.js";

const OBJECT_ID = "11111111-1111-4111-8111-111111111111";
const CLIENT_ID = "22222222-2222-4222-8222-222222222222";

describe("explain", () => {
  test("what a client says is enough for a likely cause, with the others that look the same", () => {
    const explanation = explain(new Error("WRONGPASS invalid username-password pair or user is disabled."), {
      host: "my-cache.westus3.redis.azure.net",
      product: "managedRedis",
      objectId: OBJECT_ID,
    });
    expect(explanation).toMatchObject({
      code: "ERR_PASSWORDLESS_AUTH_REFUSED",
      rule: "access-policy-missing",
      certainty: "likely",
      retryable: true,
    });
    expect(explanation?.remedy).toContain(OBJECT_ID);
    expect(explanation?.commands).toEqual([expect.stringContaining("--cluster-name my-cache ")]);
    expect(explanation?.alternatives.map(({ rule }) => rule)).toContain("entra-id-disabled");
  });

  test("evidence makes it certain", () => {
    const refused = new Error("ERR WRONGPASS invalid username-password pair");
    expect(explain(refused, { username: CLIENT_ID, clientId: CLIENT_ID, objectId: OBJECT_ID })).toMatchObject(
      { rule: "username-is-client-id", certainty: "certain", alternatives: [] },
    );
  });

  test("an error of the library keeps its remedy, and gains from what is known besides", () => {
    const error = new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_REJECTED", {
      message: "No.",
      remedy: "Its own remedy.",
      rule: "client-secret-wrong",
      details: { aadsts: 7000215, target: "authority" },
    });
    expect(explain(error)).toMatchObject({ rule: "client-secret-wrong", remedy: "Its own remedy." });
    expect(explain(error, { secretLooksLikeId: true })?.rule).toBe("client-secret-id-instead-of-value");
  });

  test("an error that has nothing to do with it is not explained", () => {
    expect(explain(new TypeError("x is not a function"))).toBeUndefined();
    expect(explain(undefined)).toBeUndefined();
  });
});
