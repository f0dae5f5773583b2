import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { askAppService, askAuthority, askImds, claimsIn } from "../support/http.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});

afterEach(() => azure.clearFaults());

afterAll(() => azure.close());

const ENDPOINTS = { authority: askAuthority, imds: askImds, appService: askAppService };

describe.each(["authority", "imds", "appService"] as const)("at the %s", (endpoint) => {
  const ask = () => ENDPOINTS[endpoint](azure);

  test("a status comes with its headers and body, as often as asked for", async () => {
    const fault = azure.injectFault(
      endpoint,
      { kind: "status", status: 429, retryAfter: "7", body: "busy", contentType: "text/plain" },
      { times: 1 },
    );
    const response = await ask();
    expect(response).toMatchObject({ status: 429, text: "busy" });
    expect(response.headers).toMatchObject({ "retry-after": "7", "content-type": "text/plain" });
    expect((await ask()).status).toBe(200);
    expect(fault.applied).toBe(1);
  });

  test("a status without a body says that it was injected", async () => {
    azure.injectFault(endpoint, { kind: "status", status: 503 });
    const response = await ask();
    expect(response.status).toBe(503);
    expect(response.headers["retry-after"]).toBeUndefined();
    expect(response.body).toMatchObject({ error: "injected_fault" });
  });

  test("a reset breaks the connection", async () => {
    azure.injectFault(endpoint, { kind: "reset" }, { times: 1 });
    await expect(ask()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect((await ask()).status).toBe(200);
  });

  test("a hanging request is in the log before it has an answer", async () => {
    azure.injectFault(endpoint, { kind: "hang" }, { times: 1 });
    const logged = azure.waitFor("tokenRequest");
    const unanswered = ask();
    unanswered.catch(() => undefined);
    expect(await logged).toMatchObject({ endpoint, status: 0, issued: false });
    expect((await ask()).status).toBe(200);
    const stillOpen = Symbol("still open");
    expect(await Promise.race([unanswered, Promise.resolve(stillOpen)])).toBe(stillOpen);
  });

  test("a delay holds the regular answer back", async () => {
    const fault = azure.injectFault(endpoint, { kind: "delay", delayMs: 80 }, { times: 1 });
    const startedAt = performance.now();
    expect((await ask()).status).toBe(200);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(75);
    expect(fault.applied).toBe(1);
  });

  test("a malformed body is no JSON, under a regular status", async () => {
    azure.injectFault(endpoint, { kind: "malformed" }, { times: 1 });
    const response = await ask();
    expect(response.status).toBe(200);
    expect(() => response.body).toThrow(SyntaxError);
    azure.injectFault(endpoint, { kind: "malformed", body: "<html>" });
    expect((await ask()).text).toBe("<html>");
  });

  test("an expired token says so in its claims and beside it", async () => {
    azure.injectFault(endpoint, { kind: "expiredToken" });
    const response = await ask();
    const expiresAt = Number(claimsIn(response)["exp"]);
    expect(expiresAt * 1000).toBeLessThan(Date.now());
    const { expires_in: expiresIn = 0, expires_on: expiresOn = expiresAt } = response.body;
    expect(Number(expiresIn)).toBe(0);
    expect(Number(expiresOn)).toBe(expiresAt);
  });

  test("the same token comes again and again", async () => {
    const first = await ask();
    const fault = azure.injectFault(endpoint, { kind: "sameToken" }, { times: 2 });
    expect((await ask()).body["access_token"]).toBe(first.body["access_token"]);
    expect((await ask()).body["access_token"]).toBe(first.body["access_token"]);
    expect((await ask()).body["access_token"]).not.toBe(first.body["access_token"]);
    expect(fault.applied).toBe(2);
  });

  test("a bad signature spoils the signature and nothing else", async () => {
    azure.injectFault(endpoint, { kind: "badSignature" }, { times: 1 });
    const bad = await ask();
    expect(bad.status).toBe(200);
    const good = await ask();
    const parts = (response: typeof bad) => String(response.body["access_token"]).split(".");
    expect(parts(bad)[0]).toBe(parts(good)[0]);
    expect(parts(bad)[2]).toHaveLength(parts(good)[2]?.length ?? 0);
    expect(claimsIn(bad)["oid"]).toBe(claimsIn(good)["oid"]);
  });
});

test("a fault for one identity leaves the others alone", async () => {
  azure.injectFault("imds", { kind: "status", status: 500 }, { objectId: azure.userIdentity.objectId });
  expect((await askImds(azure)).status).toBe(200);
  expect((await askImds(azure, { client_id: azure.userIdentity.clientId })).status).toBe(500);
});

test("a fault for all endpoints shows at each", async () => {
  const fault = azure.injectFault("all", { kind: "status", status: 500 });
  const statuses = await Promise.all([askImds(azure), askAppService(azure), askAuthority(azure)]);
  expect(statuses.map(({ status }) => status)).toEqual([500, 500, 500]);
  expect(fault.applied).toBe(3);
});

test("a request that fails by itself uses up no fault of the token", async () => {
  const fault = azure.injectFault("authority", { kind: "expiredToken" }, { times: 1 });
  expect((await askAuthority(azure, { fields: { client_secret: "wrong" } })).status).toBe(401);
  expect(fault.applied).toBe(0);
  await askAuthority(azure);
  expect(fault.applied).toBe(1);
});

test("discovery is spared: faults concern token requests", async () => {
  azure.injectFault("all", { kind: "hang" });
  const metadata = fetch(`${azure.imdsHost}/elsewhere`);
  expect((await metadata).status).toBe(404);
});
