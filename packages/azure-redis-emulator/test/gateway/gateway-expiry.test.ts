import { encodeCommand } from "resp-framing";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { GatewayFixture } from "../support/gateway.js";
import type { RawClient } from "../support/raw-client.js";

const OK = "+OK\r\n";
const HOUR_MS = 3_600_000;

describe("the end of a token", () => {
  let fixture: GatewayFixture;
  let objectId: string;
  let since: number;
  beforeAll(async () => {
    fixture = await GatewayFixture.start();
    objectId = await fixture.identity();
  });
  beforeEach(() => {
    since = fixture.events.length;
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  /** Sends a login that lasts an hour longer than any before it. */
  const renew = (client: RawClient): RawClient =>
    client.send("AUTH", objectId, fixture.issue(objectId, 2 * HOUR_MS));

  /** Moves the clock behind the end of first tokens, before the end of renewed ones. */
  function passAnHour(): void {
    fixture.clockOffsetMs += HOUR_MS + 1_000;
  }

  async function expectExpired(client: RawClient): Promise<void> {
    passAnHour();
    await client.closed;
    await fixture.waitFor("disconnected", ({ reason }) => reason === "tokenExpired", since);
  }

  /** Another connection with a token of the same age has gone; this one must still answer. */
  async function expectAlive(client: RawClient): Promise<void> {
    const witness = await fixture.login(objectId, HOUR_MS);
    passAnHour();
    await witness.closed;
    expect(await client.call("CLIENT", "ID")).toMatch(/^:/);
    client.close();
  }

  test("closes the connection", async () => {
    await expectExpired(await fixture.login(objectId, HOUR_MS));
  });

  test("closes a connection whose clock jumps", async () => {
    const client = await fixture.login(objectId, 24 * HOUR_MS);
    fixture.clockOffsetMs += 24 * HOUR_MS;
    await client.closed;
  });

  test("does not close a connection that has logged in again, and its client ID is the same", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    const id = await client.call("CLIENT", "ID");
    expect(await renew(client).frames(1)).toEqual([OK]);
    expect(await client.call("CLIENT", "ID")).toBe(id);
    await expectAlive(client);
  });

  test("is not moved by a refused login", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    await client.call("AUTH", objectId, "wrong");
    await expectExpired(client);
  });

  test("is that of the last accepted login, even when it comes earlier", async () => {
    const client = await fixture.login(objectId, 24 * HOUR_MS);
    expect(await client.call("AUTH", objectId, fixture.issue(objectId, HOUR_MS))).toBe(OK);
    await expectExpired(client);
  });

  test("is moved by a login in front of and behind thousands of other commands", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    for (let count = 0; count < 3_000; count++) client.send("SET", "k", "v");
    client.send("MULTI").send("SET", "k", "v").send("EXEC");
    renew(client);
    for (let count = 0; count < 3_000; count++) client.send("GET", "k");
    await client.frames(6_004);
    await expectAlive(client);
  });

  test("is moved by a login behind refused ones, whether or not the server answers those", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    client.send("PING").send("AUTH", objectId, "wrong").send("PING").send("AUTH", objectId, "wrong");
    renew(client).send("ECHO", "end");
    while ((await client.frames(1))[0] !== "$3\r\nend\r\n");
    await fixture.waitFor("login", ({ accepted }) => accepted, fixture.events.length - 1);
    await expectAlive(client);
  });

  test("is not moved by a login inside MULTI before EXEC", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    renew(client.send("MULTI"));
    expect(await client.frames(2)).toEqual([OK, "+QUEUED\r\n"]);
    await expectExpired(client);
  });

  test("is moved by a login inside MULTI when EXEC runs it", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    renew(client.send("MULTI").send("SET", "k", "v")).send("EXEC");
    expect(await client.frames(4)).toEqual([OK, "+QUEUED\r\n", "+QUEUED\r\n", "*2\r\n+OK\r\n+OK\r\n"]);
    await expectAlive(client);
  });

  test.each([["DISCARD"], ["EXEC", "argument"]])(
    "is not moved by a login inside MULTI that ends with %s",
    async (...end) => {
      const client = await fixture.login(objectId, HOUR_MS);
      renew(client.send("MULTI")).send(...end);
      await client.frames(3);
      await fixture.waitFor(
        "login",
        ({ accepted, reason }) => !accepted && reason === "its transaction was not executed",
        since,
      );
      await expectExpired(client);
    },
  );

  test("is not moved by a login that the server has not got to", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    const login = encodeCommand(["AUTH", objectId, fixture.issue(objectId, 2 * HOUR_MS)]);
    client.sendBytes(Buffer.concat([encodeCommand(["BLPOP", "nothing", "0"]), login]));
    while (!String(await fixture.server.command("INFO", "clients")).includes("blocked_clients:1"));
    await expectExpired(client);
    await fixture.waitFor(
      "login",
      ({ reason }) => reason === "the connection closed before the server answered",
      since,
    );
  });

  test("is not moved by the login of a RESP2 subscriber, which the server refuses", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    await client.send("SUBSCRIBE", "a", "b").frames(2);
    await fixture.server.command("PUBLISH", "a", "+OK");
    await client.frames(1);
    expect(await renew(client).frames(1)).toEqual([expect.stringMatching(/^-ERR Can't execute 'auth'/)]);
    await fixture.waitFor("login", ({ reason }) => reason?.startsWith("ERR Can't execute") ?? false, since);
    await expectExpired(client);
  });

  test("is moved by the login of a RESP2 client that has unsubscribed", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    client.send("SUBSCRIBE", "a", "b").send("PING").send("UNSUBSCRIBE").send("SET", "k", "v");
    await client.frames(6);
    expect(await renew(client).frames(1)).toEqual([OK]);
    await expectAlive(client);
  });

  test("is moved by the login of a RESP3 subscriber", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    client
      .send("HELLO", "3")
      .send("SUBSCRIBE", "a", "b", "c")
      .send("PSUBSCRIBE", "d*")
      .send("PUBLISH", "a", "m");
    renew(client.send("UNSUBSCRIBE")).send("PING");
    await fixture.waitFor("login", ({ accepted }) => accepted, since + 2);
    await expectAlive(await drained(client));
  });

  test("is not moved where answers cannot be told apart", async () => {
    const client = await fixture.login(objectId, HOUR_MS);
    renew(client.send("CLIENT", "REPLY", "OFF"));
    await fixture.waitFor("login", ({ reason }) => reason?.includes("cannot be told") ?? false, since);
    await expectExpired(client);
  });

  test("comes to a connection that was never told apart, too", async () => {
    const client = await fixture.connect();
    client.send("MONITOR").send("AUTH", objectId, fixture.issue(objectId, HOUR_MS));
    await client.frames(2);
    await expectExpired(client);
  });
});

/** Reads everything up to the answer to PING, so that the next answer is that of the next command. */
async function drained(client: RawClient): Promise<RawClient> {
  while ((await client.frames(1))[0] !== "+PONG\r\n");
  return client;
}

describe("the idle timeout", () => {
  test("closes a connection that sends nothing, but not one that does", async () => {
    await using fixture = await GatewayFixture.start({ idleTimeoutMs: 150 });
    const objectId = await fixture.identity();
    const idle = await fixture.login(objectId);
    const busy = await fixture.login(objectId);
    const closed = idle.closed.then(() => "closed");
    while ((await Promise.race([closed, busy.call("PING")])) !== "closed");
    await fixture.waitFor("disconnected", ({ reason }) => reason === "idle");
    expect(await busy.call("PING")).toBe("+PONG\r\n");
    expect(fixture.gateway.connectionCount).toBe(1);
  });
});
