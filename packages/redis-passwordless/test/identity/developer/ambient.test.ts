import { describe, expect, test } from "vitest";
import { PasswordlessError } from "../../../src/core/errors.js";
import { AmbientProvider } from "../../../src/identity/ambient.js";
import { CLOUDS } from "../../../src/identity/clouds.js";
import { ManagedIdentityProvider } from "../../../src/identity/managed-identity.js";
import { ask, CLIENT, jwt, refusal, startServer } from "../support.js";

const NOT_FOUND = {
  status: 400,
  body: { error: "invalid_request", error_description: "Identity not found" },
};

/** A virtual machine whose metadata service is at this address, and its developer. */
function machine(origin: string, developer: () => Promise<never> | undefined, clientId?: string) {
  const description = "managed identity";
  const expected = { scope: CLOUDS.public.scope };
  const source = { kind: "imds", host: origin } as const;
  let asked = 0;
  const provider = new AmbientProvider(
    {
      managedIdentity: new ManagedIdentityProvider(source, { clientId }, expected, description),
      developer: {
        description: "developer",
        requestToken: async () => {
          asked += 1;
          await developer();
          return { token: jwt(), username: "developer", expiresAtMs: Date.now() + 60_000 };
        },
      },
      probeUrl: `${origin}/metadata/identity/oauth2/token`,
      isNamed: clientId !== undefined,
    },
    "ambient",
  );
  return { provider, asked: () => asked };
}

const loggedOut = () =>
  Promise.reject(
    new PasswordlessError("ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE", {
      message: "Azure CLI is logged out.",
      remedy: "Run `az login`.",
    }),
  );

describe("on a virtual machine without a managed identity, such as a hosted build agent", () => {
  test("the developer's login is used, and stays", async () => {
    await using imds = await startServer();
    imds.answer = NOT_FOUND;
    const { provider, asked } = machine(imds.origin, () => undefined);
    expect((await ask(provider)).username).toBe("developer");
    expect((await ask(provider)).username).toBe("developer");
    expect(asked()).toBe(2);
    expect(imds.received).toHaveLength(2);
  });

  test("the managed identity that somebody has named is not replaced by a developer", async () => {
    await using imds = await startServer();
    imds.answer = NOT_FOUND;
    const { provider, asked } = machine(imds.origin, () => undefined, CLIENT);
    expect(await refusal(provider)).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_REJECTED" });
    expect(asked()).toBe(0);
  });

  test("without a developer either, the error says both", async () => {
    await using imds = await startServer();
    imds.answer = NOT_FOUND;
    const error = await refusal(machine(imds.origin, loggedOut).provider);
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_IDENTITY_REJECTED", retryable: false });
    expect(error.message).toContain("no managed identity");
    expect(error.message).toContain("Azure CLI is logged out.");
    expect(error.remedy).toMatch(/Attach .*`az login`/);
  });

  test("no other refusal of the metadata service makes it a developer's machine", async () => {
    await using imds = await startServer();
    imds.answer = { status: 429, body: {} };
    const { provider, asked } = machine(imds.origin, () => undefined);
    expect(await refusal(provider)).toMatchObject({ code: "ERR_PASSWORDLESS_THROTTLED" });
    expect(asked()).toBe(0);
  });
});
