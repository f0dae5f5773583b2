import { type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { describe, expect, type TestContext, test } from "vitest";
import { type CredentialAccessToken, createIdentityProvider } from "../../../src/identity/index.js";
import { jwt } from "../support.js";
import { Laptop } from "./laptop.js";
import { decide } from "./person.js";

async function start({ onTestFinished }: TestContext, options?: EmulatorOptions): Promise<Emulator> {
  const azure = await startEmulator({ deviceCode: { intervalMs: 1_000 }, ...options });
  onTestFinished(() => azure.close());
  return azure;
}

const prompts = (azure: Emulator) =>
  azure.events.filter((event) => event.type === "signIn" && event.outcome === "requested");

describe.concurrent("a person who signs in with a device code", () => {
  test("may take longer than a request, and is shown one code", async (context) => {
    const azure = await start(context);
    using laptop = new Laptop(azure);
    await using program = laptop.run("DeviceCodeCredential, impatiently");
    const prompt = await program.said("prompt");
    for (let request = 0; request < 3; request += 1) {
      expect(await program.said("failing")).toBe("ERR_PASSWORDLESS_TOKEN_REQUEST_TIMEOUT");
    }
    await decide(azure, prompt, "approve");
    await program.connected();
    expect(prompts(azure)).toHaveLength(1);
  });

  test("is asked again after being signed out, and the connection goes on", async (context) => {
    const azure = await start(context, { tokenLifetimeMs: 15_000, deviceCode: { intervalMs: 1_000 } });
    using laptop = new Laptop(azure);
    await using program = laptop.run("DeviceCodeCredential");
    await decide(azure, await program.said("prompt"), "approve");
    const connection = await program.connected();
    azure.signOut(azure.developer.objectId);
    const since = azure.events.length;
    const renewed = azure.waitFor("login", ({ accepted }) => accepted, { since });
    await decide(azure, await program.said("prompt"), "approve");
    await renewed;
    expect(await program.end()).toBe(connection);
  });

  test("may decline, and the program hears it at once", async (context) => {
    const azure = await start(context);
    using laptop = new Laptop(azure);
    await using program = laptop.run("DeviceCodeCredential");
    await decide(azure, await program.said("prompt"), "decline");
    expect(await program.failed()).toMatchObject({
      code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
      retryable: false,
      message: expect.stringContaining("declined") as string,
    });
    expect(prompts(azure)).toHaveLength(1);
  });
});

describe("a credential that can ask a person", () => {
  test("is given as long as a device code lives; another one is not", () => {
    const getToken = () => Promise.resolve(null);
    const interactive = { getToken, authenticate: () => Promise.resolve(undefined) };
    expect(createIdentityProvider({ credential: interactive }).requestTimeoutMs).toBe(900_000);
    expect(createIdentityProvider({ credential: { getToken } }).requestTimeoutMs).toBeUndefined();
  });

  test("stops asking when the identity is closed, and starts anew for the next one", async () => {
    const asked: (AbortSignal | undefined)[] = [];
    const answer = { token: jwt(), expiresOnTimestamp: Date.now() + 3_600_000 };
    const credential = {
      authenticate: () => Promise.resolve(undefined),
      getToken: (_: unknown, options?: { abortSignal?: AbortSignal }): Promise<CredentialAccessToken> => {
        asked.push(options?.abortSignal);
        if (asked.length > 1) return Promise.resolve(answer);
        return new Promise((_resolve, reject) => {
          options?.abortSignal?.addEventListener("abort", () => reject(new Error("cancelled")));
        });
      },
    };
    const provider = createIdentityProvider({ credential });
    const closing = new AbortController();
    const waiting = provider.requestToken({ signal: closing.signal });
    await expect.poll(() => asked.length).toBe(1);
    closing.abort(new Error("closed"));
    await expect(waiting).rejects.toThrow("closed");
    expect(asked[0]?.aborted).toBe(true);
    const { token } = await provider.requestToken({ signal: new AbortController().signal });
    expect(token).toBe(answer.token);
  });
});
