import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Emulator, type Identity, startEmulator } from "azure-redis-emulator";
import { makeCertificates } from "../../identity/support.js";
import type { Machine, Start, Variables } from "../machine.js";
import { NOBODY, type SetUp } from "./set-up.js";

/** The default service principal, with some variables changed. */
const application = (machine: Machine, azure: Emulator, extra: Variables = {}): Start =>
  machine.start(azure.servicePrincipal, extra);

/** A pod's environment: a user-assigned identity that trusts this issuer and subject, and the token it has. */
async function pod(
  machine: Machine,
  azure: Emulator,
  trusted: { issuer?: string; subject?: string; audience?: string } | null,
  token: Parameters<Emulator["issueFederatedToken"]>[0] = { subject: SUBJECT },
): Promise<Start> {
  const { issuer = azure.federationIssuer, subject = SUBJECT } = trusted ?? {};
  const identity = azure.addManagedIdentity({
    kind: "user",
    ...(trusted && { federatedCredentials: [{ ...trusted, issuer, subject }] }),
  });
  return workload(machine, azure, identity, machine.file("token", await azure.issueFederatedToken(token)));
}

const SUBJECT = "system:serviceaccount:shop:cart";

function workload(machine: Machine, azure: Emulator, { clientId }: Identity, file: string): Start {
  const names = { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: azure.tenantId };
  return machine.start(undefined, { ...names, AZURE_FEDERATED_TOKEN_FILE: file });
}

/** Refusals that no request earns by itself here. */
const refusedWith = (number: number, rule: string, name: string): SetUp => ({
  name,
  prepare: (machine, azure) => {
    azure.injectFault("authority", { kind: "entraError", number });
    return application(machine, azure);
  },
  expected: { rule, certainty: "certain" },
});

/** What goes wrong between an application and Microsoft Entra ID. */
export const AUTHORITY_SET_UPS: readonly SetUp[] = [
  {
    name: "a wrong client secret",
    prepare: (machine, azure) =>
      application(machine, azure, { AZURE_CLIENT_SECRET: "Xq8~not.the.secret.at.all" }),
    expected: { rule: "client-secret-wrong", certainty: "certain" },
  },
  {
    name: "the ID of a client secret instead of its value",
    prepare: (machine, azure) => application(machine, azure, { AZURE_CLIENT_SECRET: randomUUID() }),
    expected: { rule: "client-secret-id-instead-of-value", says: /value/i },
  },
  {
    name: "an expired client secret",
    prepare: (machine, azure) => machine.start(azure.addServicePrincipal({ secretExpired: true })),
    expected: { rule: "client-secret-expired", certainty: "certain" },
  },
  {
    name: "a client ID that the tenant does not know",
    prepare: (machine, azure) => application(machine, azure, { AZURE_CLIENT_ID: NOBODY }),
    expected: { rule: "application-not-in-tenant", certainty: "certain", says: new RegExp(NOBODY) },
  },
  {
    name: "a tenant that does not exist",
    prepare: (machine, azure) => application(machine, azure, { AZURE_TENANT_ID: NOBODY }),
    expected: { rule: "tenant-not-found", certainty: "certain" },
  },
  {
    name: "a certificate that nobody has registered with the application",
    prepare(machine, azure) {
      using made = makeCertificates();
      const file = machine.file("app.pem", made.server.key + made.server.cert);
      const { clientId } = azure.addServicePrincipal({ certificates: [made.ca] });
      const names = { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: azure.tenantId };
      return machine.start(undefined, { ...names, AZURE_CLIENT_CERTIFICATE_PATH: file });
    },
    expected: { rule: "certificate-unknown", certainty: "certain" },
  },
  {
    name: "a certificate file without its key",
    prepare(machine, azure) {
      const file = machine.file("app.pem", readFileSync(azure.caFile, "utf8"));
      const { clientId } = azure.servicePrincipal;
      const names = { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: azure.tenantId };
      return machine.start(undefined, { ...names, AZURE_CLIENT_CERTIFICATE_PATH: file });
    },
    expected: { rule: "certificate-key-absent", certainty: "certain" },
  },
  {
    name: "a certificate whose password nobody has given",
    prepare(machine, azure) {
      using made = makeCertificates();
      made.openssl("rsa", "-aes256", "-in", "server.key", "-out", "locked.key", "-passout", "pass:sesame");
      const file = machine.file("app.pem", made.read("locked.key").toString() + made.server.cert);
      const { clientId } = azure.servicePrincipal;
      const names = { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: azure.tenantId };
      return machine.start(undefined, { ...names, AZURE_CLIENT_CERTIFICATE_PATH: file });
    },
    expected: { rule: "certificate-password-missing", certainty: "certain" },
  },
  {
    name: "a certificate file that is not there",
    prepare(machine, azure) {
      const { clientId } = azure.servicePrincipal;
      const names = { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: azure.tenantId };
      return machine.start(undefined, {
        ...names,
        AZURE_CLIENT_CERTIFICATE_PATH: machine.path("missing.pem"),
      });
    },
    expected: { rule: "certificate-unreadable", certainty: "certain", says: /missing\.pem/ },
  },
  {
    name: "a federated identity that trusts another service account",
    prepare: (machine, azure) => pod(machine, azure, { subject: "system:serviceaccount:shop:checkout" }),
    expected: { rule: "federated-subject-mismatch", certainty: "certain" },
  },
  {
    name: "a federated identity that trusts another cluster",
    prepare: (machine, azure) => pod(machine, azure, { issuer: "https://oidc.example/other" }),
    expected: { rule: "federated-issuer-mismatch", certainty: "certain" },
  },
  {
    name: "a federated token for another audience",
    prepare: (machine, azure) => pod(machine, azure, {}, { subject: SUBJECT, audience: "sts.example" }),
    expected: { rule: "federated-audience-mismatch", certainty: "certain" },
  },
  {
    name: "an identity that trusts nobody",
    prepare: (machine, azure) => pod(machine, azure, null),
    expected: { rule: "federated-credential-missing", certainty: "certain" },
  },
  {
    name: "a federated token that has expired",
    prepare: (machine, azure) => pod(machine, azure, {}, { subject: SUBJECT, expiresInMs: -600_000 }),
    expected: { rule: "assertion-outside-validity" },
  },
  {
    name: "a federated token file that is not there",
    prepare: (machine, azure) => workload(machine, azure, azure.userIdentity, machine.path("missing")),
    expected: { rule: "federated-token-unreadable" },
  },
  refusedWith(53003, "conditional-access-blocked", "a tenant whose Conditional Access blocks it"),
  refusedWith(7000112, "application-disabled", "an application that is disabled"),
  refusedWith(90055, "tenant-throttled", "a tenant with too many requests"),
  refusedWith(50196, "request-loop", "a client that asks too often"),
  refusedWith(700238, "federation-blocked", "a tenant whose policy blocks federation"),
  refusedWith(90033, "entra-id-transient", "a hiccup of Entra ID that lasts"),
  refusedWith(900382, "tenant-in-other-cloud", "a tenant in another national cloud"),
  refusedWith(100007, "regional-endpoint-refused", "a regional endpoint"),
  refusedWith(9_876_543, "aadsts-unknown", "a number that nobody knows"),
  {
    name: "a scope of a resource that the tenant does not have",
    prepare: (machine, azure) => {
      const { args, env } = application(machine, azure);
      return { args: [...args, "--scope", "https://redis.example.com/.default"], env };
    },
    expected: { rule: "resource-unknown" },
  },
  {
    name: "an authority that fails",
    prepare(machine, azure) {
      azure.injectFault("authority", { kind: "status", status: 503, body: "Service Unavailable" });
      return application(machine, azure);
    },
    expected: { rule: "authority-failing" },
  },
  {
    name: "an authority that throttles",
    prepare(machine, azure) {
      azure.injectFault("authority", { kind: "status", status: 429, retryAfter: "30", body: {} });
      return application(machine, azure);
    },
    expected: { rule: "authority-throttled" },
  },
  {
    name: "a firewall that refuses the way to the token endpoint",
    prepare: async (machine, azure) =>
      application(machine, azure, {
        AZURE_AUTHORITY_HOST: `https://localhost:${await machine.closedPort()}`,
      }),
    expected: { rule: "token-endpoint-unreachable" },
  },
  {
    name: "an authority whose name nobody knows",
    prepare: (machine, azure) => {
      const AZURE_AUTHORITY_HOST = "https://login.example.invalid";
      const network = machine.network({ hosts: { "login.example.invalid": "ENOTFOUND" } });
      return application(machine, azure, { AZURE_AUTHORITY_HOST, ...network });
    },
    expected: { rule: "token-endpoint-not-found", says: /login\.example\.invalid/ },
  },
  {
    name: "a proxy that inspects TLS on the way to the token endpoint",
    async prepare(machine, azure) {
      const proxy = await startEmulator();
      machine.onClose(() => proxy.close());
      return application(machine, azure, { AZURE_AUTHORITY_HOST: proxy.authorityHost });
    },
    expected: { rule: "token-endpoint-certificate-untrusted" },
  },
  {
    name: "a captive portal in the place of the token endpoint",
    prepare(machine, azure) {
      azure.injectFault("authority", { kind: "malformed", body: "<html><body>Please sign in to the Wi-Fi" });
      return application(machine, azure);
    },
    expected: { rule: "token-answer-malformed" },
  },
];
