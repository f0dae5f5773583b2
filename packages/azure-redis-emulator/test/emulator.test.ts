import { existsSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../src/index.js";
import { askAuthority, askImds, claimsOf } from "./support/http.js";
import { connectRedis } from "./support/redis.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});

afterEach(() => {
  azure.clearFaults();
  azure.setClockOffset(0);
});

afterAll(() => azure.close());

describe("login", () => {
  test.each(["systemIdentity", "userIdentity", "servicePrincipal"] as const)(
    "the %s logs in with a token and is who it says",
    async (name) => {
      const client = await connectRedis(azure, azure[name]);
      expect(await client.sendCommand(["ACL", "WHOAMI"])).toBe(azure[name].objectId);
      client.destroy();
    },
  );

  test("a token from each endpoint opens the cache", async () => {
    const { body: fromImds } = await askImds(azure);
    const { body: fromAuthority } = await askAuthority(azure);
    for (const [identity, body] of [
      [azure.systemIdentity, fromImds],
      [azure.servicePrincipal, fromAuthority],
    ] as const) {
      const client = await connectRedis(azure, identity, String(body["access_token"]));
      expect(await client.ping()).toBe("PONG");
      client.destroy();
    }
  });

  test.each(["https://redis.azure.com", "https://redis.azure.com/", "acca5fbb-b7e4-4009-81f1-37e38fd66d78"])(
    "the audience may be %s",
    async (aud) => {
      const token = await azure.issueToken(azure.userIdentity.objectId, { aud });
      (await connectRedis(azure, azure.userIdentity, token)).destroy();
    },
  );

  const now = () => Math.floor(Date.now() / 1000);
  test.each<[string, () => Readonly<Record<string, unknown>>, string]>([
    ["for another resource", () => ({ aud: "https://graph.microsoft.com" }), '"aud" is missing or wrong'],
    ["that has expired", () => ({ exp: now() - 1 }), "has expired"],
    ["without an end", () => ({ exp: undefined }), '"exp" is missing or wrong'],
    ["that is not valid yet", () => ({ nbf: now() + 100 }), "not valid yet"],
    ["of another issuer", () => ({ iss: "https://sts.windows.net/other/" }), '"iss" is missing or wrong'],
    ["of another tenant", () => ({ tid: "other" }), "another tenant"],
    ["of another identity", () => ({ oid: "other" }), "not the token's object ID"],
    ["without an object ID", () => ({ oid: undefined }), '"oid" is missing or wrong'],
  ])("a token %s is refused, and the log has the reason", async (_name, claims, reason) => {
    const since = azure.events.length;
    const token = await azure.issueToken(azure.userIdentity.objectId, claims());
    await expect(connectRedis(azure, azure.userIdentity, token)).rejects.toThrow(/WRONGPASS/);
    expect(await azure.waitFor("login", undefined, { since })).toMatchObject({
      accepted: false,
      objectId: azure.userIdentity.objectId,
      tokenId: claimsOf(token)["uti"],
      reason: expect.stringContaining(reason) as string,
    });
  });

  test("a token with a spoilt signature is refused", async () => {
    azure.injectFault("imds", { kind: "badSignature" });
    const { body } = await askImds(azure);
    await expect(connectRedis(azure, azure.systemIdentity, String(body["access_token"]))).rejects.toThrow(
      /WRONGPASS/,
    );
  });

  test("a token of another emulator in this process is refused, also for an object ID that both know", async () => {
    await using other = await startEmulator();
    const since = azure.events.length;
    const token = await other.issueToken(azure.userIdentity.objectId);
    await expect(connectRedis(azure, azure.userIdentity, token)).rejects.toThrow(/WRONGPASS/);
    const { reason } = await azure.waitFor("login", undefined, { since });
    expect(reason).toContain('"iss" is missing or wrong');
  });

  test("an identity that the directory does not know is refused", async () => {
    const stranger = { kind: "user", objectId: crypto.randomUUID(), clientId: "" } as const;
    await expect(connectRedis(azure, stranger)).rejects.toThrow(/WRONGPASS/);
  });

  test("what is no token at all is refused, and a token sent as the username stays out of the log", async () => {
    const token = await azure.issueToken(azure.userIdentity.objectId);
    await expect(connectRedis(azure, azure.userIdentity, "password")).rejects.toThrow(/WRONGPASS/);
    await expect(connectRedis(azure, { ...azure.userIdentity, objectId: token }, token)).rejects.toThrow(
      /WRONGPASS/,
    );
    expect(JSON.stringify(azure.events)).not.toContain("eyJ");
  });
});

describe("the clock", () => {
  test("a connection ends with its token, also when the clock jumps there", async () => {
    const client = await connectRedis(azure, azure.userIdentity);
    const dropped = azure.waitFor("disconnected", ({ reason }) => reason === "tokenExpired");
    azure.setClockOffset(3_602_000);
    await dropped;
    client.destroy();
  });

  test("a token of the past is refused, one of today's clock accepted", async () => {
    const old = await azure.issueToken(azure.userIdentity.objectId);
    azure.setClockOffset(7_200_000);
    await expect(connectRedis(azure, azure.userIdentity, old)).rejects.toThrow(/WRONGPASS/);
    (await connectRedis(azure, azure.userIdentity)).destroy();
  });
});

describe("access policies", () => {
  test("an identity that has just been added can log in at once", async () => {
    const identity = azure.addManagedIdentity({ kind: "user" });
    (await connectRedis(azure, identity)).destroy();
  });

  test("an identity without an assignment is refused until it gets one", async () => {
    const identity = azure.addServicePrincipal({ accessPolicy: null });
    await expect(connectRedis(azure, identity)).rejects.toThrow(/WRONGPASS/);
    await azure.assign(identity.objectId, "Data Reader");
    const client = await connectRedis(azure, identity);
    await expect(client.set("key", "value")).rejects.toThrow(/NOPERM/);
    client.destroy();
  });

  test("a change of policy applies to an open connection", async () => {
    const identity = azure.addManagedIdentity({ kind: "user", accessPolicy: "+@read ~cache:*" });
    const client = await connectRedis(azure, identity);
    await expect(client.set("cache:1", "value")).rejects.toThrow(/NOPERM/);
    await azure.assign(identity.objectId, "Data Owner");
    expect(await client.set("cache:1", "value")).toBe("OK");
    client.destroy();
  });

  test("a policy that is no ACL string is refused and changes nothing", async () => {
    const identity = azure.addManagedIdentity({ kind: "user" });
    await expect(azure.assign(identity.objectId, "+@nonsense")).rejects.toThrow(/ACL SETUSER/);
    (await connectRedis(azure, identity)).destroy();
  });

  test("logins are refused once the assignment is revoked or the identity removed", async () => {
    const revoked = azure.addManagedIdentity({ kind: "user" });
    const removed = azure.addManagedIdentity({ kind: "user" });
    await azure.revoke(revoked.objectId);
    azure.removeIdentity(removed.objectId);
    await expect(connectRedis(azure, revoked)).rejects.toThrow(/WRONGPASS/);
    await expect(connectRedis(azure, removed)).rejects.toThrow(/WRONGPASS/);
  });

  test("an unknown identity cannot be assigned, changed or removed", async () => {
    await expect(azure.assign("nobody", "Data Owner")).rejects.toThrow("no identity");
    expect(() => azure.removeIdentity("nobody")).toThrow("no identity");
    expect(() => azure.setTokenLifetime(1000, "nobody")).toThrow("no identity");
  });
});

describe("the cache", () => {
  test("keeps its data and its users across a restart", async () => {
    const before = await connectRedis(azure, azure.userIdentity);
    await before.set("kept", "yes");
    await azure.redis.restart();
    const after = await connectRedis(azure, azure.userIdentity);
    expect(await after.get("kept")).toBe("yes");
    before.destroy();
    after.destroy();
  });

  test("gives the password of the server behind it to who asks for its address only", () => {
    const { redis } = azure;
    const [node] = redis.nodes;
    const { password } = new URL(node!.backendUrl);
    expect(password).not.toBe("");
    expect(JSON.stringify(redis)).not.toContain(password);
    expect(JSON.parse(JSON.stringify(node))).toEqual({
      host: "localhost",
      port: redis.port,
      role: "master",
      announced: { host: "localhost", port: redis.port },
      isRunning: true,
    });
    for (const value of [azure, redis, { ...node }]) {
      expect(inspect(value, { depth: null, getters: true })).not.toContain(password);
    }
  });

  test("faults of logins end with clearFaults", async () => {
    const fault = azure.redis.injectFault({ kind: "close" });
    await expect(connectRedis(azure, azure.userIdentity)).rejects.toThrow(/./);
    azure.clearFaults();
    (await connectRedis(azure, azure.userIdentity)).destroy();
    expect(fault.applied).toBe(1);
  });

  test("tells what is behind it", () => {
    expect(azure.redis.server).toMatch(/^(redis|valkey) \d+\.\d+/);
    expect(azure.redis.url).toBe(`rediss://localhost:${azure.redis.port}`);
    expect(azure.redis.backendUrl).toMatch(/^redis:\/\/.*@127\.0\.0\.1:\d+$/);
  });
});

describe("the environment", () => {
  test("chooses the identity: IMDS or App Service for managed ones, a secret for an application", () => {
    const common = {
      NODE_EXTRA_CA_CERTS: azure.caFile,
      AZURE_AUTHORITY_HOST: azure.authorityHost,
      REDIS_URL: azure.redis.url,
      AZURE_REDIS_EMULATOR_URL: azure.controlUrl,
    };
    expect(azure.env()).toEqual({ ...common, AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost });
    expect(azure.env(azure.userIdentity, { managedIdentityEndpoint: "appService" })).toEqual({
      ...common,
      IDENTITY_ENDPOINT: azure.appService.endpoint,
      IDENTITY_HEADER: azure.appService.header,
      AZURE_CLIENT_ID: azure.userIdentity.clientId,
    });
    expect(azure.env(azure.servicePrincipal)).toEqual({
      ...common,
      AZURE_TENANT_ID: azure.tenantId,
      AZURE_CLIENT_ID: azure.servicePrincipal.clientId,
      AZURE_CLIENT_SECRET: azure.servicePrincipal.secret,
    });
  });
});

describe("closing", () => {
  test("takes everything away, once or twice", async () => {
    const other = await startEmulator();
    const waiting = other.waitFor("login");
    waiting.catch(() => undefined);
    const { caFile, imdsHost } = other;
    await Promise.all([other.close(), other.close()]);
    await expect(waiting).rejects.toThrow("closed");
    expect(existsSync(caFile)).toBe(false);
    await expect(fetch(imdsHost)).rejects.toThrow();
  });

  test("does not wait for hanging requests and open connections", async () => {
    const other = await startEmulator();
    other.injectFault("imds", { kind: "hang" });
    other.injectFault("authority", { kind: "delay", delayMs: 600_000 });
    const logged = other.waitFor("tokenRequest");
    const requests = Promise.allSettled([askImds(other), askAuthority(other)]);
    const client = await connectRedis(other, other.userIdentity);
    await logged;
    await other.close();
    expect((await requests).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    client.destroy();
  });

  test("a start that fails leaves nothing running and says why", async () => {
    await expect(startEmulator({ redis: { bin: "/nowhere/redis-server" } })).rejects.toThrow(
      /\/nowhere\/redis-server/,
    );
    await expect(startEmulator({ tokenLifetimeMs: 10 })).rejects.toThrow(RangeError);
    await expect(startEmulator({ redis: { url: "redis://x", bin: "y" } })).rejects.toThrow(TypeError);
  });
});
