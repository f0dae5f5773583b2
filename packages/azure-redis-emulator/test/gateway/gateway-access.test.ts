import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aclRules } from "../../src/gateway/access-policy.js";
import { GatewayFixture } from "../support/gateway.js";

const NOPERM = expect.stringMatching(/^-NOPERM/);

describe("an access policy", () => {
  let fixture: GatewayFixture;
  beforeAll(async () => {
    fixture = await GatewayFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test.each([
    [
      "Data Owner",
      { SET: "+OK\r\n", GET: "$1\r\nv\r\n", INFO: expect.stringMatching(/^\$/), PUBLISH: ":0\r\n" },
    ],
    ["Data Contributor", { SET: "+OK\r\n", GET: "$1\r\nv\r\n", INFO: NOPERM, PUBLISH: ":0\r\n" }],
    ["Data Reader", { SET: NOPERM, GET: "$1\r\nv\r\n", INFO: NOPERM, PUBLISH: NOPERM }],
    ["+@read +set ~Az*", { SET: NOPERM, GET: NOPERM, INFO: NOPERM, PUBLISH: NOPERM }],
    ["+@all ~*", { SET: "+OK\r\n", GET: "$1\r\nv\r\n", PUBLISH: ":0\r\n" }],
  ])("%s allows what Azure's does", async (policy, expected: Record<string, unknown>) => {
    await fixture.server.command("SET", "k", "v");
    const client = await fixture.login(await fixture.identity(policy));
    const args: Record<string, string[]> = {
      SET: ["k", "v"],
      GET: ["k"],
      INFO: ["server"],
      PUBLISH: ["c", "m"],
    };
    for (const [name, reply] of Object.entries(expected)) {
      expect(await client.call(name, ...args[name]!), name).toEqual(reply);
    }
    client.close();
  });

  test("of one's own is limited to its keys", async () => {
    const client = await fixture.login(await fixture.identity("+@read +set ~Az*"));
    expect(await client.call("SET", "Azure", "v")).toBe("+OK\r\n");
    expect(await client.call("SET", "other", "v")).toEqual(NOPERM);
    client.close();
  });

  test("can change on a live connection", async () => {
    const objectId = await fixture.identity("Data Reader");
    const client = await fixture.login(objectId);
    const id = await client.call("CLIENT", "ID");
    expect(await client.call("SET", "k", "v")).toEqual(NOPERM);
    await fixture.gateway.applyAccessPolicy(objectId, "Data Contributor");
    expect(await client.call("SET", "k", "v")).toBe("+OK\r\n");
    expect(await client.call("CLIENT", "ID")).toBe(id);
    client.close();
  });

  test("that is deleted ends connections and refuses logins; given again, it lets the identity in", async () => {
    const objectId = await fixture.identity();
    const client = await fixture.login(objectId);
    expect(await fixture.gateway.applyAccessPolicy(objectId, null)).toBeUndefined();
    await client.closed;
    expect(fixture.gateway.credentialsOf(objectId)).toBeUndefined();
    await expect(fixture.login(objectId)).rejects.toThrow("WRONGPASS");
    await fixture.gateway.applyAccessPolicy(objectId, "Data Owner");
    (await fixture.login(objectId)).close();
  });

  test("that is no ACL string is refused with the server's words, and changes nothing", async () => {
    const objectId = randomUUID();
    await expect(fixture.gateway.applyAccessPolicy(objectId, "+@nothing")).rejects.toThrow(
      /^ERR Error in ACL SETUSER/,
    );
    expect(fixture.gateway.credentialsOf(objectId)).toBeUndefined();
  });

  test.each([">password", "nopass", "on", "reset", "#00"])("may not hold %s", (rule) => {
    expect(() => aclRules(`+@all ${rule}`)).toThrow("no passwords");
  });

  test("goes to identities only, never to the default user", async () => {
    await expect(fixture.gateway.applyAccessPolicy("default", "Data Owner")).rejects.toThrow(
      "cannot be the name",
    );
    await expect(fixture.gateway.applyAccessPolicy("a b", "Data Owner")).rejects.toThrow(
      "cannot be the name",
    );
  });
});
