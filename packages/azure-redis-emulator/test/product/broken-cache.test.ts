import { once } from "node:events";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ConnectionFault, type Emulator, startEmulator } from "../../src/index.js";
import { askAuthority } from "../support/http.js";
import { RawClient } from "../support/raw-client.js";
import { connectRedis } from "../support/redis.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator({ redis: { accessKey: true } });
});

afterEach(async () => {
  azure.clearFaults();
  azure.redis.setEntraId(true);
  azure.redis.setOutdatedTls(null);
  await azure.redis.useCertificate(0, null);
  azure.redis.setMaxClients(null);
});

afterAll(() => azure.close());

const raw = () => RawClient.connect({ port: azure.redis.port, ca: azure.caCertificate });

/** A TLS connection that may fail, and the code with which it does. */
async function tlsFailure(options: { minVersion?: "TLSv1"; ciphers?: string } = {}): Promise<string> {
  const { host, port } = azure.redis;
  const socket = connectTls({ host, port, ca: azure.caCertificate, ...options });
  try {
    await once(socket, "secureConnect");
    return socket.getProtocol() ?? "no protocol";
  } catch (error) {
    return String((error as { code?: unknown }).code);
  } finally {
    socket.destroy();
  }
}

describe("Entra ID that is switched off", () => {
  test("closes what is connected, refuses tokens as wrong passwords, and takes access keys", async () => {
    const before = await connectRedis(azure, azure.userIdentity);
    const closed = once(before, "error");
    azure.redis.setEntraId(false);
    await closed;
    const since = azure.events.length;
    await expect(connectRedis(azure, azure.userIdentity)).rejects.toThrow(/^WRONGPASS/);
    expect(await azure.waitFor("login", () => true, { since })).toMatchObject({
      objectId: azure.userIdentity.objectId,
      accepted: false,
      reason: "Entra ID authentication is switched off on the cache",
    });
    const client = await raw();
    expect(await client.call("AUTH", azure.redis.accessKey!)).toBe("+OK\r\n");
    client.close();
    azure.redis.setEntraId(true);
    (await connectRedis(azure, azure.userIdentity)).destroy();
  });

  test("a cache of another tenant refuses a good token in the same way", async () => {
    await using elsewhere = await startEmulator();
    const token = await elsewhere.issueToken(elsewhere.systemIdentity.objectId);
    await expect(connectRedis(azure, elsewhere.systemIdentity, token)).rejects.toThrow(/^WRONGPASS/);
  });
});

describe("certificates", () => {
  test.each([
    ["expired", "CERT_HAS_EXPIRED"],
    ["notYetValid", "CERT_NOT_YET_VALID"],
    ["untrusted", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
  ] as const)("one that is %s is refused with %s", async (state, code) => {
    await azure.redis.useCertificate(0, { state });
    expect(await tlsFailure()).toBe(code);
    await azure.redis.useCertificate(0, null);
    expect(await tlsFailure()).toMatch(/^TLSv1\.[23]$/);
  });

  test("names go together with a state, and nobody misspells one", async () => {
    await azure.redis.useCertificate(0, { names: ["other.example"] });
    expect(await tlsFailure()).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    const misspelt = { state: "outdated" as "expired" };
    await expect(azure.redis.useCertificate(0, misspelt)).rejects.toThrow('"state" must be');
  });
});

describe("outdated TLS", () => {
  test.each(["TLSv1", "TLSv1.1"] as const)("%s is refused by who wants 1.2", async (version) => {
    azure.redis.setOutdatedTls(version);
    expect(await tlsFailure()).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    expect(await tlsFailure({ minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" })).toBe(version);
    // The certificate is another matter.
    await azure.redis.useCertificate(0, { names: ["other.example"] });
    expect(await tlsFailure()).toBe("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION");
    azure.redis.setOutdatedTls(null);
    expect(await tlsFailure()).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("is no other version", () => {
    expect(() => azure.redis.setOutdatedTls("SSLv3" as "TLSv1")).toThrow('"version" must be');
  });
});

describe("the limit of clients", () => {
  test("the client that is one too many is told", async () => {
    const first = await connectRedis(azure, azure.userIdentity);
    azure.redis.setMaxClients(1);
    const second = await raw();
    expect(await second.frames(1)).toEqual(["-ERR max number of clients reached\r\n"]);
    await second.closed;
    expect(await first.ping()).toBe("PONG");
    first.destroy();
    azure.redis.setMaxClients(null);
    (await connectRedis(azure, azure.userIdentity)).destroy();
  });

  test.each([-1, 1.5])("%s is none", (count) => {
    expect(() => azure.redis.setMaxClients(count)).toThrow('"count" must be a whole number');
  });
});

describe("connection faults", () => {
  /** What a client meets that waits for the first byte of an answer. */
  async function fate(socket: Socket): Promise<"answer" | "end" | "ECONNRESET"> {
    return new Promise((resolve) => {
      socket.once("data", () => resolve("answer"));
      socket.once("end", () => resolve("end"));
      socket.once("error", (error) => resolve((error as NodeJS.ErrnoException).code as "ECONNRESET"));
    });
  }

  async function connectAt(stage: NonNullable<ConnectionFault["stage"]>): Promise<Socket> {
    const { host, port } = azure.redis;
    const isEncrypted = stage === "encrypted";
    const socket = isEncrypted
      ? connectTls({ host, port, ca: azure.caCertificate })
      : connectPlain({ host: "127.0.0.1", port });
    await once(socket, isEncrypted ? "secureConnect" : "connect");
    return socket;
  }

  describe.each(["connected", "encrypted"] as const)("when %s", (stage) => {
    test("the connection is closed at once", async () => {
      const fault = azure.redis.injectConnectionFault({ kind: "close", stage }, { times: 1 });
      const socket = await connectAt(stage);
      expect(await fate(socket)).toBe("end");
      expect(fault.applied).toBe(1);
      (await connectRedis(azure, azure.userIdentity)).destroy();
    });

    test("the connection is reset when the client has sent something", async () => {
      azure.redis.injectConnectionFault({ kind: "reset", stage }, { times: 1 });
      const socket = await connectAt(stage);
      const met = fate(socket);
      socket.write("PING\r\n");
      expect(await met).toBe("ECONNRESET");
    });

    test("the connection is never answered, while others are", async () => {
      azure.redis.injectConnectionFault({ kind: "silent", stage }, { times: 1 });
      const silent = await connectAt(stage);
      const met = fate(silent);
      silent.write("PING\r\n");
      (await connectRedis(azure, azure.userIdentity)).destroy();
      expect(await Promise.race([met, Promise.resolve("nothing yet")])).toBe("nothing yet");
      silent.destroy();
    });
  });

  test("end when they are cleared, and meet the nodes that they are for", async () => {
    azure.redis.injectConnectionFault({ kind: "close" }, { node: 0 });
    await expect(connectRedis(azure, azure.userIdentity)).rejects.toThrow();
    azure.clearFaults();
    (await connectRedis(azure, azure.userIdentity)).destroy();
    expect(() => azure.redis.injectConnectionFault({ kind: "close" }, { node: 1 })).toThrow(RangeError);
  });

  test.each([
    [{ kind: "hang" }, {}, '"kind" must be'],
    [{ kind: "close", stage: "login" }, {}, '"stage" must be'],
    [{ kind: "close" }, { times: 0 }, '"times" must be'],
  ])("reject %j with scope %j", (fault, scope, message) => {
    expect(() => azure.redis.injectConnectionFault(fault as ConnectionFault, scope)).toThrow(message);
  });
});

describe("Entra ID's errors by number", () => {
  test("have its words and its shape", async () => {
    azure.injectFault("authority", { kind: "entraError", number: 53003 }, { times: 1 });
    const { status, body } = await askAuthority(azure);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: "invalid_grant", error_codes: [53003] });
    expect(body["error_description"]).toMatch(
      /^AADSTS53003: Access has been blocked by Conditional Access .* Trace ID/,
    );
    expect(body["error_uri"]).toBe(`${azure.authorityHost}/error?code=53003`);
  });

  test("take other words, and numbers that the emulator does not know", async () => {
    azure.injectFault("authority", { kind: "entraError", number: 1_234_567, message: "New." }, { times: 1 });
    const { status, body } = await askAuthority(azure);
    expect(status).toBe(400);
    expect(body["error_description"]).toMatch(/^AADSTS1234567: New\. Trace ID/);
    azure.injectFault("authority", { kind: "entraError", number: 90033 }, { times: 1 });
    expect((await askAuthority(azure)).status).toBe(503);
  });

  test("have a number", () => {
    expect(() => azure.injectFault("authority", { kind: "entraError", number: 0.5 })).toThrow(
      '"number" must',
    );
  });
});
