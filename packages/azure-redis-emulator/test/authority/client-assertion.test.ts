import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Emulator, type Identity, startEmulator } from "../../src/index.js";
import {
  type ApplicationCertificate,
  createApplicationCertificate,
} from "../support/application-certificate.js";
import { askAuthority, claimsIn, type Response } from "../support/http.js";

let azure: Emulator;

beforeAll(async () => {
  azure = await startEmulator();
});

afterAll(() => azure.close());

/** Asks for a token with an assertion in place of a secret. */
function askWith(assertion: string, { clientId }: Identity): Promise<Response> {
  const fields = {
    client_id: clientId,
    client_secret: undefined,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: assertion,
  };
  return askAuthority(azure, { fields });
}

describe("signed with a certificate", () => {
  let certificate: ApplicationCertificate;
  let application: Identity;

  beforeAll(async () => {
    certificate = await createApplicationCertificate();
    application = azure.addServicePrincipal({ certificates: [certificate.cert] });
  });

  interface AssertionInit {
    readonly alg?: "RS256" | "PS256";
    readonly header?: Readonly<Record<string, unknown>>;
    readonly claims?: Readonly<Record<string, unknown>>;
    readonly signer?: ApplicationCertificate;
  }

  function assertion({
    alg = "PS256",
    header,
    claims,
    signer = certificate,
  }: AssertionInit = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({
      aud: `${azure.authorityHost}/${azure.tenantId}/oauth2/v2.0/token`,
      iss: application.clientId,
      sub: application.clientId,
      jti: crypto.randomUUID(),
      nbf: now,
      exp: now + 600,
      ...claims,
    })
      .setProtectedHeader({ alg, typ: "JWT", ...(header ?? { "x5t#S256": signer.thumbprint("sha256") }) })
      .sign(signer.key);
  }

  test.each(["PS256", "RS256"] as const)("%s with x5t#S256 gets a token", async (alg) => {
    const response = await askWith(await assertion({ alg }), application);
    expect(response.status).toBe(200);
    expect(claimsIn(response)).toMatchObject({ oid: application.objectId, appidacr: "2" });
  });

  test("RS256 with x5t gets a token", async () => {
    const header = { x5t: certificate.thumbprint("sha1") };
    expect((await askWith(await assertion({ alg: "RS256", header }), application)).status).toBe(200);
  });

  test.each(["", "/", "/v2.0", "/oauth2/token"])(
    "the audience may be the tenant's address + %j",
    async (path) => {
      const aud = `${azure.authorityHost}/${azure.tenantId}${path}`;
      expect((await askWith(await assertion({ claims: { aud } }), application)).status).toBe(200);
    },
  );

  test("a clock that is a little ahead is forgiven, as msal rounds up", async () => {
    expect((await askWith(await assertion({ claims: { nbf: seconds(2) } }), application)).status).toBe(200);
  });

  const seconds = (offset: number) => Math.floor(Date.now() / 1000) + offset;
  test.each<[string, () => Readonly<Record<string, unknown>>, number]>([
    ["an expired one", () => ({ exp: seconds(-1) }), 700024],
    ["one that is not valid yet", () => ({ nbf: seconds(400) }), 700024],
    ["one without an end", () => ({ exp: undefined }), 700024],
    ["one for another audience", () => ({ aud: "https://example.org" }), 700023],
    ["one of another application", () => ({ iss: "other", sub: "other" }), 700021],
  ])("%s is refused", async (_name, claims, code) => {
    const response = await askWith(await assertion({ claims: claims() }), application);
    expect(response.status).toBe(401);
    expect(response.body).toMatchObject({ error: "invalid_client", error_codes: [code] });
  });

  test("a certificate that is not registered is refused, and named by its thumbprint", async () => {
    const stranger = await createApplicationCertificate();
    const response = await askWith(await assertion({ signer: stranger }), application);
    expect(response.status).toBe(401);
    expect(response.body["error_codes"]).toEqual([700027]);
    expect(response.body["error_description"]).toContain(stranger.thumbprint("sha256"));
  });

  test("a signature by another key under a registered thumbprint is refused", async () => {
    const signer = await createApplicationCertificate();
    const header = { "x5t#S256": certificate.thumbprint("sha256") };
    const { body } = await askWith(await assertion({ signer, header }), application);
    expect(body["error_codes"]).toEqual([700027]);
    expect(body["error_description"]).toContain("did not match the expected signature value");
  });
});

describe("federated", () => {
  const subject = "system:serviceaccount:shop:cart";
  let application: Identity;

  beforeAll(() => {
    application = azure.addServicePrincipal({
      federatedCredentials: [
        { issuer: azure.federationIssuer, subject },
        {
          issuer: "https://token.actions.githubusercontent.com",
          subject: "repo:a/b",
          audience: "api://other",
        },
      ],
    });
  });

  test("an assertion that matches a federated credential gets a token", async () => {
    const response = await askWith(await azure.issueFederatedToken({ subject }), application);
    expect(response.status).toBe(200);
    expect(claimsIn(response)).toMatchObject({ oid: application.objectId, appidacr: "2" });
  });

  test("a user-assigned identity can be federated, as AKS workload identity does", async () => {
    const user = azure.addManagedIdentity({
      kind: "user",
      federatedCredentials: [{ issuer: azure.federationIssuer, subject: "s" }],
    });
    const response = await askWith(await azure.issueFederatedToken({ subject: "s" }), user);
    expect(claimsIn(response)["oid"]).toBe(user.objectId);
  });

  test("the emulator can speak for any issuer", async () => {
    const assertion = await azure.issueFederatedToken({
      issuer: "https://token.actions.githubusercontent.com",
      subject: "repo:a/b",
      audience: "api://other",
    });
    expect((await askWith(assertion, application)).status).toBe(200);
  });

  test.each([
    ["issuer", { issuer: "https://elsewhere" }, 401, 700211],
    ["audience", { audience: "api://wrong" }, 401, 700212],
    ["subject", { subject: "system:serviceaccount:shop:Cart" }, 401, 700213],
    ["combination", { subject: "repo:a/b" }, 400, 70021],
    ["time", { expiresInMs: -1000 }, 401, 700024],
  ])("a wrong %s has its own error", async (_part, claims, status, code) => {
    const response = await askWith(await azure.issueFederatedToken({ subject, ...claims }), application);
    expect(response.status).toBe(status);
    expect(response.body["error_codes"]).toEqual([code]);
  });

  test("an application without federated credentials has its own error", async () => {
    const response = await askWith(await azure.issueFederatedToken({ subject }), azure.servicePrincipal);
    expect(response.body["error_codes"]).toEqual([70025]);
  });

  test("an assertion that another key has signed is refused", async () => {
    const { key } = await createApplicationCertificate();
    const forged = await new SignJWT({ exp: Math.floor(Date.now() / 1000) + 60 })
      .setIssuer(azure.federationIssuer)
      .setSubject(subject)
      .setAudience("api://AzureADTokenExchange")
      .setProtectedHeader({ alg: "RS256" })
      .sign(key);
    expect((await askWith(forged, application)).body["error_codes"]).toEqual([50013]);
  });
});
