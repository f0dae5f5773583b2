import { describe, expect, test } from "vitest";
import { createIdentityProvider } from "../../src/identity/index.js";
import { ask, jwt, OID, refusal } from "./support.js";

describe("an identity provider of the user's own", () => {
  test("may be a function; user name and expiry are taken from the token", async () => {
    const exp = Math.floor(Date.now() / 1000) + 900;
    const provider = createIdentityProvider({ identityProvider: () => ({ token: jwt({ exp }) }) });
    expect(await ask(provider)).toMatchObject({ username: OID, expiresAtMs: exp * 1000 });
  });

  test("may be an object, with a description and a `this`", async () => {
    const own = {
      description: "vault at https://vault.example",
      secret: jwt(),
      requestToken() {
        return Promise.resolve({ token: this.secret });
      },
    };
    const provider = createIdentityProvider({ identityProvider: own });
    expect(provider.description).toBe("vault at https://vault.example");
    expect((await ask(provider)).username).toBe(OID);
  });

  test("may return a token that is no JWT, when it gives user name and expiry", async () => {
    const expiresAtMs = Date.now() + 60_000;
    const provider = createIdentityProvider({
      identityProvider: () => ({ token: "opaque", username: "me", expiresAtMs, details: { region: "eu" } }),
    });
    expect(await ask(provider)).toEqual({
      token: "opaque",
      username: "me",
      expiresAtMs,
      details: { region: "eu" },
    });
  });

  test("what it says counts more than the claims", async () => {
    const provider = createIdentityProvider({ identityProvider: () => ({ token: jwt(), username: "me" }) });
    expect((await ask(provider)).username).toBe("me");
    const expiresAtMs = Date.now() + 60_000;
    const other = createIdentityProvider({ identityProvider: () => ({ token: jwt(), expiresAtMs }) });
    expect(await ask(other)).toMatchObject({ username: OID, expiresAtMs });
  });

  test("gets the signal", async () => {
    const signals: AbortSignal[] = [];
    const provider = createIdentityProvider({
      identityProvider: ({ signal }) => {
        signals.push(signal);
        return { token: jwt() };
      },
    });
    await ask(provider);
    expect(signals[0]).toBeInstanceOf(AbortSignal);
  });

  test("is told what to return when its token says too little", async () => {
    const provider = createIdentityProvider({ identityProvider: () => ({ token: "opaque-and-secret" }) });
    const error = await refusal(provider);
    expect(error.code).toBe("ERR_PASSWORDLESS_TOKEN_INVALID");
    expect(error.remedy).toContain("username");
    expect(error.message).not.toContain("opaque-and-secret");
    const nothing = createIdentityProvider({ identityProvider: () => ({}) as { token: string } });
    expect((await refusal(nothing)).code).toBe("ERR_PASSWORDLESS_TOKEN_INVALID");
  });

  test("its own error is passed on as it is", async () => {
    const own = new Error("the vault is sealed");
    const provider = createIdentityProvider({ identityProvider: () => Promise.reject(own) });
    await expect(ask(provider)).rejects.toBe(own);
  });
});
