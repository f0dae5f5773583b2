import { expect, test } from "vitest";
import { redactTokens, redactValues } from "../../src/events/redact.js";

test("secrets are replaced by name, and their presence stays visible", () => {
  const values = {
    client_secret: "s3cret",
    Authorization: "Basic abc",
    "X-IDENTITY-HEADER": "h",
    scope: "a",
  };
  expect(redactValues(Object.entries(values))).toEqual({
    client_secret: "[redacted]",
    Authorization: "[redacted]",
    "X-IDENTITY-HEADER": "[redacted]",
    scope: "a",
  });
});

test("a JWT is replaced wherever it stands", () => {
  const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiIxIn0.c2ln";
  expect(redactTokens(`user ${jwt} and half of one: eyJhbGci`)).toBe(
    "user [redacted] and half of one: [redacted]",
  );
  expect(redactValues([["state", jwt]])).toEqual({ state: "[redacted]" });
});
