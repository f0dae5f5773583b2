import { encodeCommand } from "resp-framing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GatewayFixture } from "../support/gateway.js";
import { RawClient } from "../support/raw-client.js";

const WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const PONG = "+PONG\r\n";
const OK = "+OK\r\n";

describe("a login at the gateway", () => {
  let fixture: GatewayFixture;
  beforeAll(async () => {
    fixture = await GatewayFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test("is demanded by the server itself", async () => {
    const client = await fixture.connect();
    expect(await client.call("PING")).toBe("-NOAUTH Authentication required.\r\n");
    client.close();
  });

  test("with a valid token makes the client the user named by its object ID", async () => {
    const objectId = await fixture.identity();
    const token = fixture.issue(objectId);
    const client = await fixture.connect();
    expect(await client.call("AUTH", objectId, token)).toBe(OK);
    expect(await client.call("ACL", "WHOAMI")).toContain(objectId);
    const event = await fixture.waitFor("login", (login) => login.objectId === objectId);
    expect(event).toMatchObject({ accepted: true, command: "AUTH", tokenId: expect.any(String) });
    client.close();
  });

  test("with HELLO switches the protocol, sets the name and logs in at once", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.connect();
    const reply = await client.call("HELLO", "3", "AUTH", objectId, fixture.issue(objectId), "SETNAME", "me");
    expect(reply).toMatch(/^%7\r\n\$6\r\nserver/);
    expect(await client.call("CLIENT", "GETNAME")).toBe("$2\r\nme\r\n");
    expect(await client.call("ACL", "WHOAMI")).toContain(objectId);
    await fixture.waitFor(
      "login",
      (login) => login.objectId === objectId && login.command === "HELLO" && login.accepted,
    );
    client.close();
  });

  test("may be an inline command", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.connect();
    client.sendBytes(`auth ${objectId} "${fixture.issue(objectId)}"\nPING\n`);
    expect(await client.frames(2)).toEqual([OK, PONG]);
    client.close();
  });

  test("with a wrong token gets the server's own refusal, and the event log says why", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.connect();
    expect(await client.call("AUTH", objectId, "secret-token")).toBe(WRONGPASS);
    expect(await client.call("PING")).toMatch(/^-NOAUTH/);
    const event = await fixture.waitFor("login", (login) => login.objectId === objectId);
    expect(event).toMatchObject({ accepted: false, reason: "unknown token" });
    client.close();
  });

  test("without a user name is refused", async () => {
    const client = await fixture.connect();
    expect(await client.call("AUTH", "secret-token")).toBe(WRONGPASS);
    await fixture.waitFor("login", (login) => login.objectId === "default" && !login.accepted);
    client.close();
  });

  test("with the server's own password is refused: only tokens log in", async () => {
    const client = await fixture.connect();
    expect(await client.call("AUTH", "default", fixture.server.password)).toBe(WRONGPASS);
    client.close();
  });

  test("without TLS is refused, whatever the token", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.connectPlaintext();
    expect(await client.call("AUTH", objectId, fixture.issue(objectId))).toBe(WRONGPASS);
    const event = await fixture.waitFor("login", (login) => login.objectId === objectId);
    expect(event).toMatchObject({
      accepted: false,
      reason: "Entra ID logins are refused on a connection without TLS",
    });
    client.close();
  });

  test("that is refused leaves the user of the connection as it was", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.login(objectId);
    expect(await client.call("AUTH", objectId, "secret-token")).toBe(WRONGPASS);
    expect(await client.call("ACL", "WHOAMI")).toContain(objectId);
    client.close();
  });

  test("that the server would not get to is answered by the server", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.connect();
    const token = fixture.issue(objectId);
    expect(await client.call("HELLO", "9", "AUTH", objectId, token)).toMatch(/^-NOPROTO/);
    expect(await client.call("AUTH", objectId, token, "more")).toMatch(/^-ERR/);
    expect(await client.call("AUTH")).toMatch(/^-ERR wrong number of arguments/);
    expect(await client.call("PING")).toMatch(/^-NOAUTH/);
    client.close();
  });

  test("holds back what is behind it until it is decided", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.connect();
    let verify = (): void => undefined;
    fixture.verification = new Promise((resolve) => {
      verify = resolve;
    });
    client
      .send("PING")
      .send("AUTH", objectId, fixture.issue(objectId))
      .send("SET", "k", "1")
      .send("GET", "k");
    // The command in front of it does not wait.
    expect(await client.frames(1)).toEqual([expect.stringMatching(/^-NOAUTH/)]);
    client.send("PING");
    verify();
    fixture.verification = Promise.resolve();
    expect(await client.frames(4)).toEqual([OK, OK, "$1\r\n1\r\n", PONG]);
    client.close();
  });

  test("that is refused behind pending replies is answered, or not, exactly as the server alone does it", async () => {
    const objectId = await fixture.identity();
    const through = await fixture.login(objectId);
    const direct = await RawClient.connect({ port: fixture.server.port });
    await direct.call("AUTH", fixture.server.password);
    const pipeline = Buffer.concat(
      [
        ["PING"],
        ["AUTH", objectId, "wrong"],
        ["PING"],
        ["HELLO", "3", "AUTH", objectId, "wrong"],
        ["ECHO", "end"],
      ].map((args) => encodeCommand(args)),
    );
    const answers = await Promise.all(
      [through, direct].map(async (client) => {
        client.sendBytes(pipeline);
        const frames: string[] = [];
        while (frames.at(-1) !== "$3\r\nend\r\n") frames.push(...(await client.frames(1)));
        client.close();
        return frames;
      }),
    );
    expect(answers[0]).toEqual(answers[1]);
    // Redis 7.0 and older answer; 7.2 and later, and Valkey, drop it (redis/redis#15640).
    const isOld = /^redis (6\.|7\.0)/.test(fixture.server.version);
    expect(answers[0]!.filter((frame) => frame === WRONGPASS)).toHaveLength(isOld ? 2 : 0);
  });

  test("whose verification fails is refused, and the token is nowhere", async () => {
    await using failing = await GatewayFixture.start({
      verifyLogin: (_, token) => Promise.reject(new Error(`no key for ${token}`)),
    });
    const client = await failing.connect();
    expect(await client.call("AUTH", "somebody", "secret-token")).toBe(WRONGPASS);
    expect(await client.call("AUTH", "secret-token", "secret-token")).toBe(WRONGPASS);
    expect(JSON.stringify(failing.events)).not.toContain("secret-token");
    expect(await failing.waitFor("login")).toMatchObject({
      reason: "the login could not be verified: no key for <token>",
    });
  });

  test("leaves no token in any event", () => {
    const text = JSON.stringify(fixture.events);
    expect(text).not.toContain("secret-token");
    expect(text).not.toMatch(/token-[0-9a-f]{8}-/);
  });
});
