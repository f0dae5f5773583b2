import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { explain } from "../../src/explain/explain.js";
import { ENTRA_ID_RULES } from "../../src/explain/rules/entra-id.js";
import { createIdentityProvider } from "../../src/identity/index.js";
import {
  ask,
  type Certificates,
  CLIENT,
  jwt,
  makeCertificates,
  OID,
  refusal,
  SECRET,
  startServer,
  TENANT,
  type TestServer,
} from "./support.js";

let certificates: Certificates;
let server: TestServer;
let directory: string;

beforeAll(async () => {
  certificates = makeCertificates();
  server = await startServer(certificates.server);
  directory = mkdtempSync(join(tmpdir(), "federated-"));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  certificates[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});
beforeEach(() => {
  server.received.length = 0;
  server.answer = () => ({ body: { token_type: "Bearer", expires_in: 3599, access_token: jwt() } });
});

const authority = () => ({ authorityHost: server.origin, ca: certificates.ca });
const withSecret = (more: object = {}) =>
  createIdentityProvider({
    tenantId: TENANT,
    clientId: CLIENT,
    clientSecret: SECRET,
    ...authority(),
    ...more,
  });
const form = () => Object.fromEntries(new URLSearchParams(server.received.at(-1)?.body));

describe("the client secret exchange", () => {
  test("posts the documented form to the tenant's token endpoint", async () => {
    const response = await ask(withSecret());
    expect(server.received[0]).toMatchObject({
      method: "POST",
      path: `/${TENANT}/oauth2/v2.0/token`,
      query: {},
    });
    expect(server.received[0]?.headers["content-type"]).toBe(
      "application/x-www-form-urlencoded;charset=utf-8",
    );
    expect(form()).toEqual({
      client_id: CLIENT,
      scope: "https://redis.azure.com/.default",
      grant_type: "client_credentials",
      client_secret: SECRET,
    });
    expect(response).toMatchObject({ username: OID, details: { tenantId: TENANT } });
  });

  test("encodes a secret with every character that forms treat specially", async () => {
    const clientSecret = "a+b&c=d%e f~ü/?#";
    await ask(withSecret({ clientSecret }));
    expect(form()["client_secret"]).toBe(clientSecret);
  });

  test("tolerates a slash at the end of the authority's address", async () => {
    await ask(withSecret({ authorityHost: `${server.origin}/` }));
    expect(server.received[0]?.path).toBe(`/${TENANT}/oauth2/v2.0/token`);
  });

  test("`expires_in` and `refresh_in` count from the server's clock", async () => {
    server.answer = {
      headers: { date: "Mon, 30 Nov 2026 12:00:00 GMT" },
      body: { access_token: jwt({ exp: undefined }), expires_in: 86_399, refresh_in: 43_199 },
    };
    expect(await ask(withSecret())).toMatchObject({
      serverTimeMs: Date.UTC(2026, 10, 30, 12),
      expiresAtMs: Date.UTC(2026, 10, 30, 12) + 86_399_000,
      refreshAtMs: Date.UTC(2026, 10, 30, 12) + 43_199_000,
    });
  });

  test("a token of another tenant than the one asked is refused", async () => {
    server.answer = { body: { access_token: jwt({ tid: "99999999-2222-4222-8222-222222222222" }) } };
    expect((await refusal(withSecret())).code).toBe("ERR_PASSWORDLESS_TENANT_MISMATCH");
  });
});

describe("workload identity", () => {
  const workload = (file: string) =>
    createIdentityProvider({
      tenantId: TENANT,
      clientId: CLIENT,
      federatedTokenFile: file,
      ...authority(),
    });

  test("exchanges the file's content, and reads it again each time", async () => {
    const file = join(directory, "token");
    const provider = workload(file);
    for (const content of ["first.federated.token", "second.federated.token"]) {
      writeFileSync(file, `${content}\n`);
      await ask(provider);
      expect(form()).toEqual({
        client_id: CLIENT,
        scope: "https://redis.azure.com/.default",
        grant_type: "client_credentials",
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: content,
      });
    }
  });

  test("a file that is not there yet may come", async () => {
    const file = join(directory, "late");
    const provider = workload(file);
    const error = await refusal(provider);
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_FEDERATED_TOKEN_UNREADABLE", retryable: true });
    expect(error.message).toContain(file);
    expect(error.message).toContain("ENOENT");
    writeFileSync(file, "");
    expect((await refusal(provider)).message).toContain("is empty");
    writeFileSync(file, "a.b.c");
    expect((await ask(provider)).username).toBe(OID);
  });
});

describe("a refusal", () => {
  const refuse = (status: number, description: string, more: object = {}) => {
    server.answer = {
      status,
      body: {
        error: "invalid_client",
        error_description: `${description} Trace ID: t Correlation ID: c Timestamp: 2026-11-21 12:00:00Z`,
        correlation_id: "c",
        ...more,
      },
    };
  };

  const rules = ENTRA_ID_RULES.flatMap((rule) =>
    rule.when.flatMap((signal) =>
      "aadsts" in signal && signal.aadsts !== "any" ? signal.aadsts.map((number) => ({ number, rule })) : [],
    ),
  ).filter(({ rule }) => rule.id !== "client-secret-id-instead-of-value");

  test.each(rules)("AADSTS$number is $rule.id", async ({ number, rule }) => {
    refuse(rule.isRetryable === true ? 400 : 401, `AADSTS${number}: Something.`, { error_codes: [number] });
    const error = await refusal(withSecret());
    const { id, code, isRetryable = false } = rule;
    expect(error).toMatchObject({ rule: id, code, retryable: isRetryable });
    expect(error.details).toMatchObject({ aadsts: number, correlationId: "c", target: "authority" });
    expect(error.message).toContain(`AADSTS${number}: Something.`);
    expect(error.message).not.toContain("Trace ID");
    expect(explain(error)).toMatchObject({ rule: id, code, retryable: isRetryable, remedy: error.remedy });
    expect(explain(new Error(`invalid_client: AADSTS${number}: Something.`))).toMatchObject({
      rule: id,
      code,
    });
  });

  test("a secret that is a GUID is the secret's ID, which is said without showing it", async () => {
    refuse(401, "AADSTS7000215: Invalid client secret provided.");
    const clientSecret = "5e3c4e4a-9d0f-4c52-8b9d-0f6f2f1c2b3a";
    const error = await refusal(withSecret({ clientSecret }));
    expect(error).toMatchObject({
      rule: "client-secret-id-instead-of-value",
      details: { secretLooksLikeId: true },
    });
    expect(explain(error)).toMatchObject({ rule: "client-secret-id-instead-of-value", certainty: "certain" });
    expect(`${JSON.stringify(error)}${error.message}`).not.toContain(clientSecret);
  });

  test("an unknown number with invalid_client is permanent, and says where to look it up", async () => {
    refuse(400, "AADSTS1234567: New.");
    const error = await refusal(withSecret());
    expect(error).toMatchObject({
      rule: "aadsts-unknown",
      code: "ERR_PASSWORDLESS_IDENTITY_REJECTED",
      retryable: false,
    });
    expect(error.remedy).toContain("code=1234567");
  });

  test("a number that is only in `error_codes` counts", async () => {
    server.answer = { status: 400, body: { error: "invalid_client", error_codes: [7000222] } };
    expect((await refusal(withSecret())).details["aadsts"]).toBe(7000222);
  });

  test.each([
    [429, {}, "ERR_PASSWORDLESS_THROTTLED", "authority-throttled"],
    [429, "slow down", "ERR_PASSWORDLESS_THROTTLED", "authority-throttled"],
    [500, {}, "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", "authority-failing"],
    [503, "<html>", "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", "authority-failing"],
    [408, {}, "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", "authority-failing"],
    [
      400,
      { error: "temporarily_unavailable" },
      "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR",
      "authority-failing",
    ],
    [404, "<html>", "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", "token-answer-malformed"],
    [302, "", "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", "token-answer-malformed"],
    [200, "<html>", "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", "token-answer-malformed"],
    [200, {}, "ERR_PASSWORDLESS_IDENTITY_PROVIDER_ERROR", "token-answer-malformed"],
  ])("HTTP %i with %o may pass: %s", async (status, body, code, rule) => {
    server.answer = { status, body, headers: { "retry-after": "3" } };
    const error = await refusal(withSecret());
    expect(error).toMatchObject({ code, rule, retryable: true });
    expect(explain(error)).toMatchObject({ code, rule, retryable: true });
  });

  test("passes Retry-After on", async () => {
    server.answer = { status: 429, headers: { "retry-after": "90" } };
    expect((await refusal(withSecret())).retryAfterMs).toBe(90_000);
  });

  test("shows neither the secret nor a token that the answer echoes", async () => {
    refuse(400, `AADSTS7000215: '${SECRET}' is not it, ${jwt()} neither.`);
    const error = await refusal(withSecret());
    expect(error.message).not.toContain(SECRET);
    expect(error.message).not.toContain("eyJ");
    expect(error.message).toContain("[secret removed]");
  });

  test("an authority that nobody serves is unavailable, and that may pass", async () => {
    const error = await refusal(withSecret({ authorityHost: "https://127.0.0.1:1" }));
    expect(error).toMatchObject({
      code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
      rule: "token-endpoint-unreachable",
      retryable: true,
    });
    expect(error.remedy).toContain("127.0.0.1:1");
    expect(explain(error)?.rule).toBe("token-endpoint-unreachable");
  });

  test("a certificate that is not trusted does not pass by itself", async () => {
    const error = await refusal(withSecret({ ca: undefined }));
    expect(error).toMatchObject({
      code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
      rule: "token-endpoint-certificate-untrusted",
      retryable: false,
    });
    expect(error.remedy).toContain("`ca`");
    expect(explain(error)?.rule).toBe("token-endpoint-certificate-untrusted");
  });
});
