import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ActiveFault, LoginFault } from "../../src/api.js";
import type { LoginFaultScope } from "../../src/gateway/login-faults.js";
import { GatewayFixture } from "../support/gateway.js";

const WRONGPASS = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
const OK = "+OK\r\n";

describe("faults at the gateway", () => {
  let fixture: GatewayFixture;
  let objectId: string;
  let since: number;
  const active: ActiveFault[] = [];
  beforeAll(async () => {
    fixture = await GatewayFixture.start();
    objectId = await fixture.identity();
  });
  beforeEach(() => {
    since = fixture.events.length;
  });
  afterEach(() => {
    for (const fault of active.splice(0)) fault.remove();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  function inject(fault: LoginFault, scope?: LoginFaultScope): ActiveFault {
    const injected = fixture.gateway.injectFault(fault, scope);
    active.push(injected);
    return injected;
  }

  async function attempts(count: number, user = objectId): Promise<string[]> {
    const client = await fixture.connect();
    const replies: string[] = [];
    for (; count > 0; count--) replies.push(await client.call("AUTH", user, fixture.issue(user)));
    client.close();
    return replies;
  }

  test("refuse logins as often as asked for, and count it", async () => {
    const fault = inject({ kind: "refuse" }, { times: 2 });
    expect(await attempts(3)).toEqual([WRONGPASS, WRONGPASS, OK]);
    expect(fault.applied).toBe(2);
    const event = await fixture.waitFor("login", ({ accepted }) => !accepted, since);
    expect(event).toMatchObject({ reason: "refused by an injected fault", tokenId: expect.any(String) });
  });

  test("skip the first logins", async () => {
    inject({ kind: "refuse" }, { after: 1, times: 1 });
    expect(await attempts(3)).toEqual([OK, WRONGPASS, OK]);
  });

  test("meet one identity only", async () => {
    const other = await fixture.identity();
    inject({ kind: "refuse" }, { objectId });
    expect(await attempts(1, other)).toEqual([OK]);
    expect(await attempts(1)).toEqual([WRONGPASS]);
  });

  test("queue up: the second shows when the first is used up", async () => {
    inject({ kind: "refuse" }, { times: 1 });
    const second = inject({ kind: "delay", delayMs: 1 }, { times: 1 });
    expect(await attempts(1)).toEqual([WRONGPASS]);
    expect(second.applied).toBe(0);
    expect(await attempts(1)).toEqual([OK]);
    expect(second.applied).toBe(1);
  });

  test("end when they are removed", async () => {
    {
      using fault = fixture.gateway.injectFault({ kind: "refuse" });
      expect(await attempts(1)).toEqual([WRONGPASS]);
      expect(fault.applied).toBe(1);
    }
    expect(await attempts(1)).toEqual([OK]);
  });

  test("delay a login and what is behind it", async () => {
    inject({ kind: "delay", delayMs: 60 });
    const client = await fixture.connect();
    const startedMs = performance.now();
    client.send("AUTH", objectId, fixture.issue(objectId)).send("PING");
    expect(await client.frames(2)).toEqual([OK, "+PONG\r\n"]);
    expect(performance.now() - startedMs).toBeGreaterThan(55);
    client.close();
  });

  test("close the connection instead of an answer", async () => {
    inject({ kind: "close" });
    const client = await fixture.connect();
    client.send("AUTH", objectId, fixture.issue(objectId));
    await client.closed;
    await fixture.waitFor("disconnected", ({ reason }) => reason === "fault", since);
  });

  test("let a login hang until the client goes", async () => {
    const fault = inject({ kind: "hang" });
    const client = await fixture.connect();
    const { connectionId } = await fixture.waitFor("connected", () => true, since);
    client.send("AUTH", objectId, fixture.issue(objectId)).send("PING");
    while (fault.applied === 0) await attempts(0);
    client.close();
    const event = await fixture.waitFor("disconnected", (gone) => gone.connectionId === connectionId);
    expect(event.reason).toBe("client");
  });

  test.each([
    [{ times: 0 }, '"times" must be a whole number above 0; got 0.'],
    [{ after: -1 }, '"after" must be a whole number, 0 or more; got -1.'],
  ])("reject the scope %j", (scope, message) => {
    expect(() => fixture.gateway.injectFault({ kind: "refuse" }, scope)).toThrow(message);
  });

  test("killing breaks the connections of one identity, or all", async () => {
    const other = await fixture.identity();
    const mine = await fixture.login(objectId);
    const theirs = await fixture.login(other);
    expect(fixture.gateway.killConnections({ objectId })).toBe(1);
    await mine.closed;
    await fixture.waitFor("disconnected", ({ reason }) => reason === "killed", since);
    expect(await theirs.call("PING")).toBe("+PONG\r\n");
    expect(fixture.gateway.killConnections()).toBe(1);
    await theirs.closed;
    expect(fixture.gateway.connectionCount).toBe(0);
  });
});
