import { constants, createHash, verify, X509Certificate } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { explain } from "../../src/explain/explain.js";
import { loadCertificate } from "../../src/identity/certificate.js";
import { createIdentityProvider } from "../../src/identity/index.js";
import { readPkcs12 } from "../../src/identity/pkcs12.js";
import {
  ask,
  askAzureIdentity,
  type Certificates,
  CLIENT,
  caught,
  decode,
  jwt,
  makeCertificates,
  OID,
  refusal,
  startServer,
  TENANT,
  type TestServer,
} from "./support.js";

const PASSWORD = "pä55 wörd";
let files: Certificates;
let server: TestServer;
let pem: string;

beforeAll(async () => {
  files = makeCertificates();
  server = await startServer(files.server);
  const { openssl } = files;
  const request = ["req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=app"];
  openssl(
    ...request,
    "-newkey",
    "rsa:2048",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-keyout",
    "app.key",
    "-out",
    "app.crt",
  );
  openssl(...request, "-newkey", "rsa:2048", "-keyout", "other.key", "-out", "other.crt");
  openssl(
    ...request,
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-keyout",
    "ec.key",
    "-out",
    "ec.crt",
  );
  pem = text("app.key") + text("app.crt");
  writeFileSync(files.path("app.pem"), pem);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});
beforeEach(() => {
  server.received.length = 0;
  server.answer = () => ({ body: { access_token: jwt(), expires_in: 3599 } });
});

const text = (name: string) => files.read(name).toString();
const withCertificate = (options: object) =>
  createIdentityProvider({
    tenantId: TENANT,
    clientId: CLIENT,
    authorityHost: server.origin,
    ca: files.ca,
    ...options,
  });
const sentForm = () => Object.fromEntries(new URLSearchParams(server.received.at(-1)?.body));

/** Writes a PFX of the application's certificate with its issuer, the way `openssl pkcs12 -export` does. */
function exportPfx(flags: readonly string[], password = PASSWORD): Buffer {
  const input = ["-inkey", "app.key", "-in", "app.crt", "-certfile", "ca.pem"];
  files.openssl("pkcs12", "-export", ...flags, ...input, "-passout", `pass:${password}`, "-out", "app.pfx");
  return files.read("app.pfx");
}

describe("the assertion", () => {
  test("is signed with PS256 over the documented header and claims", async () => {
    await ask(withCertificate({ clientCertificate: pem }));
    const { client_assertion: assertion = "", ...rest } = sentForm();
    expect(rest).toEqual({
      client_id: CLIENT,
      scope: "https://redis.azure.com/.default",
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    });
    const certificate = new X509Certificate(text("app.crt"));
    const { header, body } = decode(assertion);
    expect(header).toEqual({
      alg: "PS256",
      typ: "JWT",
      "x5t#S256": createHash("sha256").update(certificate.raw).digest("base64url"),
    });
    expect(body).toMatchObject({
      aud: `${server.origin}/${TENANT}/oauth2/v2.0/token`,
      iss: CLIENT,
      sub: CLIENT,
      nbf: body["iat"],
      exp: Number(body["nbf"]) + 600,
    });
    expect(Math.abs(Number(body["iat"]) - Date.now() / 1000)).toBeLessThan(5);
    const [head, claims, signature = ""] = assertion.split(".");
    const key = {
      key: certificate.publicKey,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
    };
    const signed = Buffer.from(`${head}.${claims}`);
    expect(verify("sha256", signed, key, Buffer.from(signature, "base64url"))).toBe(true);
  });

  test("is new each time", async () => {
    const provider = withCertificate({ clientCertificate: pem });
    const ids = [];
    for (let i = 0; i < 2; i++) {
      await ask(provider);
      ids.push(decode(sentForm()["client_assertion"] ?? "").body["jti"]);
    }
    expect(new Set(ids).size).toBe(2);
  });

  test("carries the chain, the certificate first, when that is asked for", async () => {
    const clientCertificate = text("ca.pem") + text("app.key") + text("app.crt");
    await ask(withCertificate({ clientCertificate, sendCertificateChain: true }));
    const { header } = decode(sentForm()["client_assertion"] ?? "");
    const chain = (header["x5c"] as string[]).map((der) => new X509Certificate(Buffer.from(der, "base64")));
    expect(chain.map(({ subject }) => subject)).toEqual(["CN=app", "CN=Test CA"]);
  });

  test("follows a file that is replaced", async () => {
    const path = files.path("rotating.pem");
    writeFileSync(path, pem);
    const provider = withCertificate({ clientCertificatePath: path });
    await ask(provider);
    const first = decode(sentForm()["client_assertion"] ?? "").header["x5t#S256"];
    renameSync(path, `${path}.old`);
    expect(await refusal(provider)).toMatchObject({
      code: "ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE",
      retryable: true,
    });
    writeFileSync(path, text("other.key") + text("other.crt"));
    await ask(provider);
    expect(decode(sentForm()["client_assertion"] ?? "").header["x5t#S256"]).not.toBe(first);
  });
});

describe("@azure/identity signs the same assertion", () => {
  test.each([false, true])("with the chain: %s", async (sendCertificateChain) => {
    const certificatePath = files.path("chain.pem");
    writeFileSync(certificatePath, pem + text("ca.pem"));
    server.answer = ({ path }) => ({
      body: path.endsWith("openid-configuration")
        ? {
            issuer: `${server.origin}/${TENANT}/v2.0`,
            token_endpoint: `${server.origin}/${TENANT}/oauth2/v2.0/token`,
            authorization_endpoint: `${server.origin}/${TENANT}/oauth2/v2.0/authorize`,
            jwks_uri: `${server.origin}/keys`,
          }
        : { access_token: jwt(), token_type: "Bearer", expires_in: 3599 },
    });
    await ask(withCertificate({ clientCertificatePath: certificatePath, sendCertificateChain }));
    const ours = sentForm();
    const peerOptions = {
      authorityHost: server.origin,
      disableInstanceDiscovery: true,
      sendCertificateChain,
    };
    const claims = await askAzureIdentity(
      ["ClientCertificateCredential", TENANT, CLIENT, { certificatePath }, peerOptions],
      { NODE_EXTRA_CA_CERTS: files.path("ca.pem") },
    );
    expect(claims["oid"]).toBe(OID);
    const [own, theirs] = [ours, sentForm()].map((form) => decode(form["client_assertion"] ?? ""));
    expect(own?.header).toEqual(theirs?.header);
    expect(Object.keys(own?.body ?? {}).sort()).toEqual(Object.keys(theirs?.body ?? {}).sort());
    for (const claim of ["aud", "iss", "sub"]) expect(own?.body[claim]).toBe(theirs?.body[claim]);
    const lifetime = ({ nbf, exp }: Record<string, unknown> = {}) => Number(exp) - Number(nbf);
    expect(lifetime(own?.body)).toBe(lifetime(theirs?.body));
  });
});

describe("a PFX file", () => {
  const flags: readonly (readonly string[])[] = [
    [],
    ["-legacy"],
    ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
    ["-keypbe", "AES-128-CBC", "-certpbe", "AES-192-CBC", "-macalg", "sha512"],
    ["-keypbe", "NONE", "-certpbe", "NONE"],
    ["-legacy", "-keypbe", "PBE-SHA1-2DES", "-certpbe", "PBE-SHA1-RC2-128"],
  ];

  test.each(flags.flatMap((flag) => [[flag, PASSWORD] as const, [flag, ""] as const]))(
    "that openssl writes with %j and the password %j is read",
    async (flag, password) => {
      const content = exportPfx(flag, password);
      const { chain } = await loadCertificate({ option: "clientCertificate", content, password });
      expect(chain.map(({ subject }) => subject)).toEqual(["CN=app", "CN=Test CA"]);
    },
  );

  test("may be given as bytes, as base64 text, or as a file", async () => {
    const bytes = exportPfx([]);
    const ways = [
      { clientCertificate: bytes },
      { clientCertificate: bytes.toString("base64") },
      { clientCertificatePath: files.path("app.pfx") },
    ];
    for (const way of ways) {
      const provider = withCertificate({ ...way, clientCertificatePassword: PASSWORD });
      expect((await ask(provider)).username).toBe(OID);
    }
  });

  test("with a wrong password is refused, and the password not shown", async () => {
    for (const flag of flags.slice(0, 5)) {
      const clientCertificate = exportPfx(flag);
      const error = await refusal(
        withCertificate({ clientCertificate, clientCertificatePassword: "nope-nope" }),
      );
      expect(error).toMatchObject({
        code: "ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE",
        rule: "certificate-password-wrong",
      });
      expect(error.message).toContain("password is wrong");
      expect(error.message).not.toContain("nope-nope");
    }
  });

  test("without its password says that it needs one", async () => {
    const error = await refusal(withCertificate({ clientCertificate: exportPfx([]) }));
    expect(error.rule).toBe("certificate-password-missing");
    expect(error.message).toContain("needs a password");
  });

  test("that was changed is refused before anything in it is used", () => {
    const bytes = exportPfx(["-keypbe", "NONE", "-certpbe", "NONE"]);
    const at = bytes.indexOf("Test CA");
    expect(at).toBeGreaterThan(0);
    bytes[at] = 0x58;
    expect(() => readPkcs12(bytes, PASSWORD)).toThrow("damaged");
  });

  test("that is cut off anywhere is refused with a plain error", () => {
    const bytes = exportPfx(["-legacy"]);
    for (let length = 0; length < bytes.length; length += 37) {
      expect(() => readPkcs12(bytes.subarray(0, length), PASSWORD)).toThrow(/^it /);
    }
  });

  test("with a key that takes for ever to derive is refused", () => {
    const bytes = exportPfx([]);
    // The iteration count of the integrity check is the last integer: 02 02 08 00.
    const at = bytes.lastIndexOf(Buffer.from([0x02, 0x02, 0x08, 0x00]));
    expect(at).toBe(bytes.length - 4);
    const slow = Buffer.concat([bytes.subarray(0, at), Buffer.from([0x02, 0x04, 0x7f, 0xff, 0xff, 0xff])]);
    // Lengths of the sequences around it grow by two: the outermost and the MAC's.
    slow.writeUInt16BE(slow.readUInt16BE(2) + 2, 2);
    const mac = slow.lastIndexOf(Buffer.from([0x30, 0x41]));
    slow[mac + 1] = 0x43;
    expect(() => readPkcs12(slow, PASSWORD)).toThrow("not a readable PFX");
  });
});

describe("a certificate that cannot be used", () => {
  test.each([
    ["without a key", () => text("app.crt"), /no private key/, "certificate-key-absent"],
    ["without a certificate", () => text("app.key"), /no certificate/, "certificate-absent"],
    [
      "with another's key",
      () => text("app.crt") + text("other.key"),
      /belongs to none/,
      "certificate-key-mismatch",
    ],
    ["with an elliptic key", () => text("ec.crt") + text("ec.key"), /RSA/, "certificate-key-type"],
    ["that is neither PEM nor PFX", () => "bm90IGEgY2VydGlmaWNhdGU=", /PFX/, "certificate-unusable"],
  ])("%s is refused, naming the option", async (_, content, why, rule) => {
    const error = await refusal(withCertificate({ clientCertificate: content() }));
    expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE", rule, retryable: false });
    expect(explain(error)).toMatchObject({ rule, remedy: error.remedy });
    expect(error.message).toMatch(why);
    expect(error.message).toContain("clientCertificate");
    expect(error.message).not.toContain("PRIVATE KEY-");
  });

  test("an encrypted PEM key needs its password", async () => {
    files.openssl("pkcs8", "-topk8", "-in", "app.key", "-out", "app.enc.key", "-passout", "pass:geheim");
    const clientCertificate = readFileSync(files.path("app.enc.key"), "utf8") + text("app.crt");
    const good = withCertificate({ clientCertificate, clientCertificatePassword: "geheim" });
    expect((await ask(good)).username).toBe(OID);
    for (const [clientCertificatePassword, rule] of [
      ["wrong", "certificate-password-wrong"],
      [undefined, "certificate-password-missing"],
    ] as const) {
      const error = await refusal(withCertificate({ clientCertificate, clientCertificatePassword }));
      expect(error).toMatchObject({ code: "ERR_PASSWORDLESS_CERTIFICATE_UNUSABLE", rule });
    }
  });

  test("a file that cannot be read is refused at once", async () => {
    const error = await caught(() => withCertificate({ clientCertificatePath: files.path("absent.pem") }));
    expect(error.code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
    expect(error.message).toContain("absent.pem");
    expect(error.message).toContain("ENOENT");
  });
});
