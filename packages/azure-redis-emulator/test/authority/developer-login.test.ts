import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../../src/index.js";
import { claimsIn, claimsOf, type Response, request } from "../support/http.js";
import { connectRedis } from "../support/redis.js";

const AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const SCOPE = "https://redis.azure.com/.default openid profile offline_access";
const REDIRECT_URI = "http://localhost:4711";
const DEVICE_CODE_GRANT = "urn:ietf:params:oauth:grant-type:device_code";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator({ deviceCode: { intervalMs: 1000 } });
});
beforeEach(() => azure.setClockOffset(0));
afterAll(() => azure.close());

type Fields = Readonly<Record<string, string | undefined>>;

function encode(fields: Fields): string {
  const given = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given).toString();
}

function post(path: string, fields: Fields): Promise<Response> {
  return request(`${azure.authorityHost}/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: encode(fields),
    ca: azure.caCertificate,
  });
}

function askToken(fields: Fields, tenant = azure.tenantId): Promise<Response> {
  return post(`${tenant}/oauth2/v2.0/token`, {
    client_id: AZURE_CLI,
    scope: SCOPE,
    client_info: "1",
    ...fields,
  });
}

function expectRefusal(response: Response, error: string, aadsts: number): void {
  expect(response.body).toMatchObject({ error, error_codes: [aadsts] });
  expect(response.status).toBe(400);
}

describe("in the browser", () => {
  const verifier = randomBytes(32).toString("base64url");
  const code_challenge = createHash("sha256").update(verifier).digest("base64url");

  function authorize(fields: Fields = {}, tenant = "organizations"): Promise<Response> {
    const query = encode({
      client_id: AZURE_CLI,
      response_type: "code",
      redirect_uri: REDIRECT_URI,
      scope: SCOPE,
      state: "a state",
      code_challenge,
      code_challenge_method: "S256",
      ...fields,
    });
    return request(`${azure.authorityHost}/${tenant}/oauth2/v2.0/authorize?${query}`, {
      ca: azure.caCertificate,
    });
  }

  function answerIn({ headers }: Response): URLSearchParams {
    return new URL(headers.location ?? "http://nowhere").searchParams;
  }

  const redeem = (code: string | null, fields: Fields = {}, tenant?: string) =>
    askToken(
      {
        grant_type: "authorization_code",
        code: code ?? "",
        redirect_uri: REDIRECT_URI,
        code_verifier: verifier,
        ...fields,
      },
      tenant,
    );

  test.each(["common", "organizations", undefined])(
    "the developer signs in at once, with %s as tenant",
    async (tenant = azure.tenantId) => {
      const redirected = await authorize({}, tenant);
      expect(redirected.status).toBe(302);
      expect(redirected.headers.location).toMatch(/^http:\/\/localhost:4711\/\?code=/);
      const answer = answerIn(redirected);
      expect(answer.get("state")).toBe("a state");
      const response = await redeem(answer.get("code"), {}, tenant);
      expect(response.status).toBe(200);
      expect(claimsIn(response)).toMatchObject({
        oid: azure.developer.objectId,
        upn: "developer@emulator.onmicrosoft.com",
        idtyp: "user",
        appid: AZURE_CLI,
        appidacr: "0",
        scp: "user_impersonation",
      });
    },
  );

  test("the access token is one that the cache accepts", async () => {
    const response = await redeem(answerIn(await authorize()).get("code"));
    const client = await connectRedis(azure, azure.developer, String(response.body["access_token"]));
    expect(await client.ping()).toBe("PONG");
    client.destroy();
  });

  test("the answer says who has signed in, with the client's nonce", async () => {
    const response = await redeem(answerIn(await authorize({ nonce: "n" })).get("code"));
    const idToken = claimsOf(String(response.body["id_token"]));
    expect(idToken).toMatchObject({
      aud: AZURE_CLI,
      nonce: "n",
      oid: azure.developer.objectId,
      tid: azure.tenantId,
      preferred_username: azure.developer.userPrincipalName,
      iss: `${azure.authorityHost}/${azure.tenantId}/v2.0`,
    });
    const clientInfo = Buffer.from(String(response.body["client_info"]), "base64url").toString();
    expect(JSON.parse(clientInfo)).toEqual({ uid: azure.developer.objectId, utid: azure.tenantId });
    expect(response.body["scope"]).toContain("https://redis.azure.com/.default");
  });

  test("login_hint names another user, and an unknown one is the client's error", async () => {
    const user = azure.addUser({ userPrincipalName: "Ada@contoso.com" });
    const response = await redeem(answerIn(await authorize({ login_hint: "ada@CONTOSO.com" })).get("code"));
    expect(claimsIn(response)["oid"]).toBe(user.objectId);
    const refused = answerIn(await authorize({ login_hint: "nobody@contoso.com" }));
    expect(refused.get("error_description")).toMatch(/^AADSTS50034: /);
    expect(refused.get("state")).toBe("a state");
  });

  test("fragment hides the answer from the client's server", async () => {
    const { headers } = await authorize({ response_mode: "fragment" });
    const url = new URL(headers.location ?? "");
    expect(url.search).toBe("");
    const answer = new URLSearchParams(url.hash.slice(1));
    expect(answer.get("state")).toBe("a state");
    expect((await redeem(answer.get("code"))).status).toBe(200);
  });

  test("form_post answers with a form that posts itself, whatever the state", async () => {
    const page = await authorize({ response_mode: "form_post", state: `"><script>` });
    expect(page.status).toBe(200);
    expect(page.text).toContain(`action="${REDIRECT_URI}"`);
    expect(page.text).toContain("&quot;&gt;&lt;script&gt;");
    const code = /name="code" value="([^"]+)"/.exec(page.text)?.[1] ?? "";
    expect((await redeem(code)).status).toBe(200);
  });

  test.each([
    ["another host", "http://localhost.example.com", 50011],
    ["an address", "http://127.0.0.1:4711", 50011],
    ["a port that is none", "http://localhost:65536", 50011],
    ["none", undefined, 900144],
  ])("is not sent to %s", async (_, redirect_uri, aadsts) => {
    const page = await authorize({ redirect_uri });
    expect(page.status).toBe(400);
    expect(page.text).toContain(`AADSTS${aadsts}: `);
  });

  test.each([
    ["response_type", "token", "unsupported_response_type"],
    ["code_challenge", undefined, "invalid_request"],
    ["code_challenge_method", "plain", "invalid_request"],
    ["prompt", "sometimes", "invalid_request"],
    ["response_mode", "smoke_signal", "invalid_request"],
    ["scope", "https://vault.azure.net/.default", "invalid_resource"],
  ])("%s = %s is refused, and the client hears of it", async (name, value, error) => {
    expect(answerIn(await authorize({ [name]: value })).get("error")).toBe(error);
  });

  test("a code is for one use", async () => {
    const code = answerIn(await authorize()).get("code");
    expect((await redeem(code)).status).toBe(200);
    expectRefusal(await redeem(code), "invalid_grant", 54005);
  });

  test.each([
    ["another verifier", { code_verifier: "x".repeat(43) }, 501481],
    ["no verifier", { code_verifier: undefined }, 501481],
    ["another redirect URI", { redirect_uri: "http://localhost:1" }, 50011],
    ["another client", { client_id: "1950a258-227b-4e31-a9cf-717495945fc2" }, 70000],
    ["another code", { code: "x" }, 70000],
  ])("a code is not redeemed with %s", async (_, fields: Fields, aadsts) => {
    const code = answerIn(await authorize()).get("code");
    expectRefusal(await redeem(code, fields), "invalid_grant", aadsts);
  });

  test("a code lives ten minutes", async () => {
    const code = answerIn(await authorize()).get("code");
    azure.setClockOffset(600_001);
    expectRefusal(await redeem(code), "invalid_grant", 70008);
  });

  test("an application may prove itself with its secret, a public client may not", async () => {
    const { clientId: client_id, secret: client_secret } = azure.servicePrincipal;
    const code = answerIn(await authorize({ client_id, code_challenge: undefined })).get("code");
    const response = await redeem(code, { client_id, client_secret, code_verifier: undefined });
    expect(claimsIn(response)).toMatchObject({
      oid: azure.developer.objectId,
      appid: client_id,
      appidacr: "1",
    });
    const other = answerIn(await authorize()).get("code");
    expect((await redeem(other, { client_secret: "s" })).body).toMatchObject({ error_codes: [700025] });
  });

  test("a code that was asked for without PKCE is worth nothing without the application's secret", async () => {
    const { clientId: client_id, secret: client_secret } = azure.servicePrincipal;
    const code = answerIn(await authorize({ client_id, code_challenge: undefined })).get("code");
    const response = await redeem(code, { client_id, code_verifier: undefined });
    expect(response.status).toBe(401);
    expect(response.body).toMatchObject({ error: "invalid_client", error_codes: [7000218] });
    expect((await redeem(code, { client_id, client_secret, code_verifier: undefined })).status).toBe(200);
  });
});

describe("with a device code", () => {
  const askCode = (fields: Fields = {}, tenant = "organizations") =>
    post(`${tenant}/oauth2/v2.0/devicecode`, { client_id: AZURE_CLI, scope: SCOPE, ...fields });
  const poll = (started: Response, fields: Fields = {}) =>
    askToken({
      grant_type: DEVICE_CODE_GRANT,
      device_code: String(started.body["device_code"]),
      ...fields,
    });
  const userCodeOf = (started: Response) => String(started.body["user_code"]);
  const onPage = (started: Response, fields: Fields) =>
    post("common/oauth2/deviceauth", { otc: userCodeOf(started), ...fields });

  test("the device learns where its user signs in, and how often it may ask", async () => {
    const started = await askCode();
    const { message, verification_uri, ...rest } = started.body;
    expect(rest).toMatchObject({ expires_in: 900, interval: 1 });
    expect(userCodeOf(started)).toMatch(/^[A-Z0-9]{9}$/);
    expect(verification_uri).toBe(`${azure.authorityHost}/common/oauth2/deviceauth`);
    expect(message).toContain(userCodeOf(started));
  });

  test("it waits until the user has approved on the page, then gets the user's token once", async () => {
    const started = await askCode();
    expectRefusal(await poll(started), "authorization_pending", 70016);
    const page = await request(`${String(started.body["verification_uri"])}?otc=${userCodeOf(started)}`, {
      ca: azure.caCertificate,
    });
    expect(page.text).toContain(`value="${userCodeOf(started)}"`);
    expect((await onPage(started, { decision: "approve" })).text).toContain("You have signed in");
    const response = await poll(started);
    expect(claimsIn(response)).toMatchObject({ oid: azure.developer.objectId, appid: AZURE_CLI });
    expect(response.body["refresh_token"]).toBeDefined();
    expectRefusal(await poll(started), "invalid_grant", 54005);
  });

  test("the user may decline, or be another one", async () => {
    const declined = await askCode();
    await onPage(declined, { decision: "decline" });
    expectRefusal(await poll(declined), "authorization_declined", 70018);
    const ada = azure.addUser({ userPrincipalName: "ada@fabrikam.com" });
    const approved = await askCode();
    await onPage(approved, { decision: "approve", login_hint: "ada@fabrikam.com" });
    expect(claimsIn(await poll(approved))["oid"]).toBe(ada.objectId);
  });

  test("a code that nobody has asked for does not work on the page", async () => {
    const page = await post("common/oauth2/deviceauth", { otc: `<b>`, decision: "approve" });
    expect(page.status).toBe(400);
    expect(page.text).not.toContain("<b>");
  });

  test("who asks too often is told to slow down", async () => {
    const started = await askCode();
    await poll(started);
    expectRefusal(await poll(started), "slow_down", 70016);
  });

  test("the code expires", async () => {
    const started = await askCode();
    azure.setClockOffset(900_001);
    expectRefusal(await poll(started), "expired_token", 70020);
    expect((await onPage(started, { decision: "approve" })).status).toBe(400);
  });

  test.each(["approve", "decline"])(
    "a device that asks too late learns nothing of the user's %s",
    async (decision) => {
      const started = await askCode();
      await onPage(started, { decision });
      azure.setClockOffset(900_001);
      expectRefusal(await poll(started), "expired_token", 70020);
    },
  );

  test("an unknown client, tenant or code is refused", async () => {
    expect((await askCode({ client_id: "nobody" })).body).toMatchObject({ error_codes: [700016] });
    expect((await askCode({}, "elsewhere")).body).toMatchObject({ error_codes: [90002] });
    expectRefusal(
      await askToken({ grant_type: DEVICE_CODE_GRANT, device_code: "x" }),
      "invalid_grant",
      70000,
    );
  });

  test("the sign-in is in the events, the device code is not", async () => {
    const since = azure.events.length;
    const started = await askCode();
    azure.approveDeviceCode(userCodeOf(started).toLowerCase());
    await poll(started);
    const { objectId } = azure.developer;
    expect(azure.events.slice(since)).toMatchObject([
      { type: "signIn", flow: "deviceCode", outcome: "requested", userCode: userCodeOf(started) },
      { type: "signIn", flow: "deviceCode", outcome: "approved", userCode: userCodeOf(started), objectId },
      { type: "tokenRequest", endpoint: "authority", objectId, query: { grant_type: DEVICE_CODE_GRANT } },
    ]);
    expect(JSON.stringify(azure.events)).not.toContain(String(started.body["device_code"]));
  });

  test("is approved over HTTP, by object ID or as the developer", async () => {
    const control = (path: string, method = "POST", body = "") =>
      request(azure.controlUrl + path, { method, body });
    const started = await askCode();
    const waiting = (await control("/device-codes", "GET")).body as unknown as { userCode: string }[];
    expect(waiting.map(({ userCode }) => userCode)).toContain(userCodeOf(started));
    const { objectId } = azure.addUser();
    const path = `/device-codes/${userCodeOf(started)}`;
    expect((await control(`${path}/approve`, "POST", JSON.stringify({ objectId }))).status).toBe(200);
    expect(claimsIn(await poll(started))["oid"]).toBe(objectId);
    expect((await control(`${path}/decline`)).status).toBe(409);
  });
});

describe("later", () => {
  const refresh = (token: unknown) => askToken({ grant_type: "refresh_token", refresh_token: String(token) });

  async function signedIn(user = azure.developer): Promise<Response> {
    const { body } = await post("common/oauth2/v2.0/devicecode", { client_id: AZURE_CLI, scope: SCOPE });
    azure.approveDeviceCode(String(body["user_code"]), user.objectId);
    return askToken({ grant_type: DEVICE_CODE_GRANT, device_code: String(body["device_code"]) });
  }

  test("a refresh token yields another access token and another refresh token", async () => {
    const first = await signedIn();
    const second = await refresh(first.body["refresh_token"]);
    expect(claimsIn(second)).toMatchObject({ oid: azure.developer.objectId });
    expect(claimsIn(second)["uti"]).not.toBe(claimsIn(first)["uti"]);
    expect(second.body["refresh_token"]).not.toBe(first.body["refresh_token"]);
    expect((await refresh(second.body["refresh_token"])).status).toBe(200);
  });

  test("a user who was signed out has to sign in again; others stay", async () => {
    const other = azure.addUser();
    const [mine, theirs] = [await signedIn(), await signedIn(other)];
    azure.signOut(azure.developer.objectId);
    expectRefusal(await refresh(mine.body["refresh_token"]), "invalid_grant", 50173);
    expect((await refresh(theirs.body["refresh_token"])).status).toBe(200);
    expect((await refresh((await signedIn()).body["refresh_token"])).status).toBe(200);
  });

  test("a refresh token ends after 90 days, and a stranger's is refused", async () => {
    const { body } = await signedIn();
    azure.setClockOffset(90 * 24 * 3_600_000 + 1);
    expectRefusal(await refresh(body["refresh_token"]), "invalid_grant", 700082);
    expectRefusal(await refresh("x"), "invalid_grant", 70000);
  });

  test("a user who has left the directory gets nothing", async () => {
    const user = azure.addUser();
    const { body } = await signedIn(user);
    azure.removeIdentity(user.objectId);
    expectRefusal(await refresh(body["refresh_token"]), "invalid_grant", 50034);
  });
});

test.each(["common", "organizations"])(
  "%s describes itself as a template, as Entra ID does",
  async (tenant) => {
    const { body } = await request(`${azure.authorityHost}/${tenant}/v2.0/.well-known/openid-configuration`, {
      ca: azure.caCertificate,
    });
    const base = `${azure.authorityHost}/${tenant}/oauth2/v2.0`;
    expect(body).toMatchObject({
      issuer: `${azure.authorityHost}/{tenantid}/v2.0`,
      authorization_endpoint: `${base}/authorize`,
      device_authorization_endpoint: `${base}/devicecode`,
      token_endpoint: `${base}/token`,
    });
  },
);

test("user names are unique, and look like names", () => {
  expect(() => azure.addUser({ userPrincipalName: "DEVELOPER@emulator.onmicrosoft.com" })).toThrow(
    "exists already",
  );
  expect(() => azure.addUser({ userPrincipalName: "somebody" })).toThrow("name@domain");
  expect(() => azure.approveDeviceCode("X", azure.userIdentity.objectId)).toThrow("Only a user");
});

test.each([{ intervalMs: 500 }, { lifetimeMs: 1500 }, { intervalMs: Number.NaN }])(
  "device codes count in whole seconds: %o is refused",
  async (deviceCode) => {
    await expect(startEmulator({ deviceCode })).rejects.toThrow(RangeError);
  },
);
