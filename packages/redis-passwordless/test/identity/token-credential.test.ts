import { inspect } from "node:util";
import {
  AggregateAuthenticationError,
  AuthenticationError,
  AuthenticationRequiredError,
  ChainedTokenCredential,
  ClientSecretCredential,
  CredentialUnavailableError,
} from "@azure/identity";
import { describe, expect, test } from "vitest";
import type { TokenCredential } from "../../src/identity/credential.js";
import { createIdentityProvider } from "../../src/identity/index.js";
import { defaultAzureCredential } from "../../src/identity/token-credential.js";
import { ask, jwt, OID, refusal } from "./support.js";

const failing = (error: unknown) =>
  createIdentityProvider({
    credential: {
      async getToken() {
        throw error;
      },
    },
  });

describe("a TokenCredential", () => {
  test("is asked for the Redis scope, with the signal", async () => {
    const calls: unknown[] = [];
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const credential: TokenCredential = {
      getToken(scopes, options) {
        calls.push(scopes, options?.abortSignal instanceof AbortSignal);
        return Promise.resolve({
          token: jwt({ exp }),
          expiresOnTimestamp: exp * 1000,
          refreshAfterTimestamp: 12_345,
        });
      },
    };
    expect(await ask(createIdentityProvider({ credential }))).toMatchObject({
      username: OID,
      expiresAtMs: exp * 1000,
      refreshAtMs: 12_345,
    });
    expect(calls).toEqual(["https://redis.azure.com/.default", true]);
  });

  test("of @azure/identity is accepted by type", () => {
    const credential = new ClientSecretCredential("tenant", "client", "secret");
    expect(createIdentityProvider({ credential }).description).toBe("credential ClientSecretCredential");
  });

  test("that returns nothing is unavailable", async () => {
    const provider = createIdentityProvider({ credential: { getToken: () => Promise.resolve(null) } });
    expect(await refusal(provider)).toMatchObject({
      code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
      retryable: true,
    });
  });

  test("whose token is for something else is refused", async () => {
    const token = jwt({ aud: "https://graph.microsoft.com" });
    const credential = { getToken: () => Promise.resolve({ token, expiresOnTimestamp: 0 }) };
    expect((await refusal(createIdentityProvider({ credential }))).code).toBe(
      "ERR_PASSWORDLESS_AUDIENCE_MISMATCH",
    );
  });

  test("that throws at once is a failure like any other", async () => {
    const credential: TokenCredential = {
      getToken() {
        throw new Error("broken");
      },
    };
    expect(await refusal(createIdentityProvider({ credential }))).toMatchObject({
      code: "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR",
      retryable: true,
    });
  });

  test("that is aborted ends with the signal's reason", async () => {
    const controller = new AbortController();
    const provider = createIdentityProvider({
      credential: {
        getToken: (_, options) =>
          new Promise((_resolve, reject) => {
            options?.abortSignal?.addEventListener("abort", () => reject(new Error("AbortError")));
          }),
      },
    });
    const pending = provider.requestToken({ signal: controller.signal });
    setTimeout(() => controller.abort(new Error("closed")), 20);
    await expect(pending).rejects.toThrow("closed");
  });
});

describe("an error of @azure/identity", () => {
  const expired =
    "invalid_client: Error(s): 7000222 - AADSTS7000222: The provided client secret keys are expired.";
  const msal = Object.assign(new Error(expired), {
    name: "ServerError",
    errorCode: "invalid_client",
    status: 401,
  });

  test("around an error of msal is judged by the number within", async () => {
    const error = await refusal(
      failing(
        Object.assign(
          new AuthenticationRequiredError({ scopes: [], message: "Silent authentication failed" }),
          {
            cause: msal,
          },
        ),
      ),
    );
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_REJECTED", retryable: false });
    expect(error.details["aadsts"]).toBe(7000222);
    expect(error.message).toContain("secret has expired");
  });

  test("that only wraps a text is judged by the number in it", async () => {
    const wrapped = new AuthenticationError(400, `EnvironmentCredential authentication failed. ${expired}`);
    expect((await refusal(failing(wrapped))).details["aadsts"]).toBe(7000222);
  });

  test("in the list of a chained credential is found", async () => {
    const list = new AggregateAuthenticationError(
      [
        new CredentialUnavailableError("EnvironmentCredential is unavailable."),
        new CredentialUnavailableError("AADSTS70043: The refresh token has expired. Run az login."),
      ],
      "ChainedTokenCredential authentication failed.",
    );
    const error = await refusal(failing(list));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_REJECTED", retryable: false });
    expect(error.remedy).toContain("az login");
  });

  test("of a chain in which nobody is available may pass", async () => {
    const chain = new ChainedTokenCredential({
      getToken: () => Promise.reject(new CredentialUnavailableError("az: not found")),
    });
    const error = await refusal(createIdentityProvider({ credential: chain }));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", retryable: true });
    expect(error.message).toContain("az: not found");
  });

  test("that asks for a login is permanent", async () => {
    const error = new AuthenticationRequiredError({ scopes: [], message: "Interaction required" });
    expect(await refusal(failing(error))).toMatchObject({
      code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
      retryable: false,
    });
  });

  test.each([
    [Object.assign(new Error("throttled"), { statusCode: 429 }), "ERR_PASSWORDLESS_THROTTLED", true],
    [Object.assign(new Error("down"), { statusCode: 503 }), "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", true],
    [Object.assign(new Error("no"), { statusCode: 400 }), "ERR_PASSWORDLESS_IDENTITY_REJECTED", false],
    [Object.assign(new Error("x"), { code: "ENOTFOUND" }), "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", true],
    [new Error("AADSTS90033: A transient error"), "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", true],
    ["just a text", "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", true],
    [undefined, "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", true],
  ])("%o is %s, retryable: %s", async (thrown, code, retryable) => {
    expect(await refusal(failing(thrown))).toMatchObject({ code, retryable });
  });

  test("brings neither its request nor its response along", async () => {
    const token = jwt();
    const error = Object.assign(new Error(`failed with ${token}`), {
      statusCode: 500,
      request: { headers: { authorization: `Bearer ${token}` }, body: "client_secret=hush" },
      response: { bodyAsText: `{"access_token":"${token}"}` },
      cause: Object.assign(new Error("inner"), { request: { body: "client_secret=hush" } }),
    });
    const shown = inspect(await refusal(failing(error)), { depth: 10, showHidden: true });
    expect(shown).not.toMatch(/eyJ|hush/);
    expect(shown).toContain("inner");
  });

  test("is passed on when it is already one of ours", async () => {
    const ours = await refusal(failing(new Error("x")));
    expect(await refusal(failing(ours))).toBe(ours);
  });
});

describe("DefaultAzureCredential", () => {
  test("is one object for all requests", async () => {
    const load = defaultAzureCredential();
    expect(await load()).toBe(await load());
  });
});
