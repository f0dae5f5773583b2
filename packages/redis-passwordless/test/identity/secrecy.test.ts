import { writeFileSync } from "node:fs";
import { inspect } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { IdentityProvider } from "../../src/core/identity-provider.js";
import { createIdentityProvider, describeIdentity } from "../../src/identity/index.js";
import {
  ask,
  type Certificates,
  CLIENT,
  jwt,
  makeCertificates,
  refusal,
  SECRET,
  startServer,
  TENANT,
  type TestServer,
} from "./support.js";

const HEADER = "identity-header-secret";
const PASSWORD = "certificate-password";
const ASSERTION = "eyJfederated.eyJ0b2tlbg.signature";
let files: Certificates;
let authority: TestServer;
let local: TestServer;

beforeAll(async () => {
  files = makeCertificates();
  authority = await startServer(files.server);
  local = await startServer();
  writeFileSync(files.path("federated"), ASSERTION);
});
afterAll(async () => {
  await authority[Symbol.asyncDispose]();
  await local[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

const show = (value: unknown) =>
  `${inspect(value, { depth: 10, showHidden: true, getters: true })}\n${JSON.stringify(value)}`;

/** Every kind of identity, in a state in which its secrets have been used. */
function providers(): IdentityProvider[] {
  const common = { tenantId: TENANT, clientId: CLIENT, authorityHost: authority.origin, ca: files.ca };
  const pem = files.server.key + files.server.cert;
  const credential = { getToken: () => Promise.reject(Object.assign(new Error(jwt()), { request: SECRET })) };
  return [
    createIdentityProvider({ ...common, clientSecret: SECRET }),
    createIdentityProvider({ ...common, clientCertificate: pem, clientCertificatePassword: PASSWORD }),
    createIdentityProvider({ ...common, federatedTokenFile: files.path("federated") }),
    createIdentityProvider(
      { managedIdentity: true },
      { IDENTITY_ENDPOINT: local.origin, IDENTITY_HEADER: HEADER },
    ),
    createIdentityProvider({ credential }),
  ];
}

const SECRETS = [SECRET, HEADER, PASSWORD, "eyJ", "PRIVATE KEY", "signature"];

test("a provider shows no secret, whatever it has done", async () => {
  for (const provider of providers()) {
    const answer = () => ({ body: { access_token: jwt(), expires_in: 60 } });
    authority.answer = answer;
    local.answer = answer;
    await ask(provider).catch(() => undefined);
    for (const secret of SECRETS) expect(show(provider)).not.toContain(secret);
    for (const secret of SECRETS) expect(show({ provider })).not.toContain(secret);
  }
});

test("an error shows no secret, even when the other side echoes everything", async () => {
  for (const status of [200, 400, 401, 403, 404, 429, 500]) {
    const echo: TestServer["answer"] = ({ body, headers, query }) => {
      const sent = [...new URLSearchParams(body).values(), JSON.stringify(headers), JSON.stringify(query)];
      const description = `AADSTS1: ${sent.join(" ")} ${jwt()}`;
      return {
        status,
        body: { error: sent.join(" "), error_description: description, message: description },
      };
    };
    authority.answer = echo;
    local.answer = echo;
    for (const provider of providers()) {
      const error = await refusal(provider);
      for (const secret of SECRETS) expect(show(error)).not.toContain(secret);
      expect(error.stack).not.toContain(SECRET);
    }
  }
});

test("a description shows no secret", () => {
  const options = { tenantId: TENANT, clientId: CLIENT, clientSecret: SECRET };
  expect(show(describeIdentity(options))).not.toContain(SECRET);
});
