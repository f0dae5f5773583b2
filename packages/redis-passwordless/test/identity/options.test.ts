import { describe, expect, test } from "vitest";
import {
  createIdentityProvider,
  describeIdentity,
  IDENTITY_OPTION_ALIASES,
  IDENTITY_OPTION_NAMES,
  type IdentityOptions,
} from "../../src/identity/index.js";
import { CLIENT, caught, OID, SECRET, TENANT } from "./support.js";

const RESOURCE_ID = "/subscriptions/s/userAssignedIdentities/i";
const FEDERATED = { AZURE_FEDERATED_TOKEN_FILE: "/var/run/token", AZURE_TENANT_ID: TENANT };
const APP = { tenantId: TENANT, clientId: CLIENT };
const PEM = "-----BEGIN CERTIFICATE-----";
const credential = { getToken: () => Promise.resolve(null) };
const identityProvider = () => ({ token: "x" });

describe("what is given decides", () => {
  test.each<[IdentityOptions, string, string]>([
    [{ clientId: CLIENT }, "managedIdentity", `managed identity with client ID ${CLIENT}`],
    [{ objectId: OID }, "managedIdentity", `managed identity with object ID ${OID}`],
    [{ resourceId: RESOURCE_ID }, "managedIdentity", `managed identity ${RESOURCE_ID}`],
    [{ managedIdentity: true }, "managedIdentity", "system-assigned managed identity"],
    [
      { managedIdentity: true, clientId: CLIENT },
      "managedIdentity",
      `managed identity with client ID ${CLIENT}`,
    ],
    [{ managedIdentity: { objectId: OID } }, "managedIdentity", `managed identity with object ID ${OID}`],
    [
      { ...APP, clientSecret: SECRET },
      "servicePrincipal",
      `service principal with client ID ${CLIENT} in tenant ${TENANT} (client secret)`,
    ],
    [
      { ...APP, clientCertificate: PEM },
      "servicePrincipal",
      `service principal with client ID ${CLIENT} in tenant ${TENANT} (certificate)`,
    ],
    [
      { ...APP, federatedTokenFile: "/t" },
      "workloadIdentity",
      `workload identity with client ID ${CLIENT} in tenant ${TENANT}`,
    ],
    [{ credential }, "credential", "given credential"],
    [{ identityProvider }, "custom", "custom identity provider"],
    [{}, "ambient", "managed identity of this machine, or the login of its developer"],
    [
      { clientId: undefined, tenantId: undefined },
      "ambient",
      "managed identity of this machine, or the login of its developer",
    ],
  ])("%o", (options, kind, description) => {
    expect(describeIdentity(options)).toMatchObject({ kind, description });
    const provider = createIdentityProvider(options);
    expect(provider).toMatchObject({ kind, description });
  });

  test("a client ID where a cluster injects a federated token is a workload identity", () => {
    expect(describeIdentity({ clientId: CLIENT }, FEDERATED)).toMatchObject({
      kind: "workloadIdentity",
      reason: "option `clientId`, and AZURE_FEDERATED_TOKEN_FILE is set",
    });
    expect(describeIdentity(APP, FEDERATED).kind).toBe("workloadIdentity");
    expect(describeIdentity({ managedIdentity: { clientId: CLIENT } }, FEDERATED).kind).toBe(
      "managedIdentity",
    );
    expect(describeIdentity({ managedIdentity: true, clientId: CLIENT }, FEDERATED).kind).toBe(
      "managedIdentity",
    );
  });

  test("a federated token file takes tenant and client from the environment", () => {
    const env = { AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT };
    expect(describeIdentity({ federatedTokenFile: "/t" }, env).description).toContain(TENANT);
  });

  test("on a platform that only @azure/identity speaks, that is used", () => {
    const arc = { IDENTITY_ENDPOINT: "http://127.0.0.1:40342/x", IMDS_ENDPOINT: "http://127.0.0.1:40342" };
    expect(describeIdentity({ managedIdentity: true }, arc).description).toContain("Azure Arc");
  });
});

describe("options that contradict each other are refused, both named", () => {
  test.each<[string, string, IdentityOptions]>([
    ["clientSecret", "clientCertificate", { ...APP, clientSecret: SECRET, clientCertificate: PEM }],
    [
      "clientCertificate",
      "clientCertificatePath",
      { ...APP, clientCertificate: PEM, clientCertificatePath: "/x" },
    ],
    ["clientSecret", "federatedTokenFile", { ...APP, clientSecret: SECRET, federatedTokenFile: "/x" }],
    ["clientId", "objectId", { clientId: CLIENT, objectId: OID }],
    ["objectId", "resourceId", { objectId: OID, resourceId: RESOURCE_ID }],
    ["managedIdentity", "clientId", { managedIdentity: { objectId: OID }, clientId: CLIENT }],
    ["managedIdentity", "clientSecret", { managedIdentity: true, clientSecret: SECRET }],
    ["managedIdentity", "tenantId", { managedIdentity: true, tenantId: TENANT }],
    [
      "managedIdentity.clientId",
      "managedIdentity.objectId",
      { managedIdentity: { clientId: CLIENT, objectId: OID } },
    ],
    ["credential", "clientId", { credential, clientId: CLIENT }],
    ["credential", "identityProvider", { credential, identityProvider }],
    ["identityProvider", "clientSecret", { identityProvider, clientSecret: SECRET }],
    [
      "scope",
      "scopes",
      { scope: "https://redis.azure.com/.default", scopes: "https://redis.azure.com/.default" },
    ],
  ])("%s and %s", async (one, other, options) => {
    const error = await caught(() => createIdentityProvider(options));
    expect(error.code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
    expect(error.message).toContain(`\`${one}\``);
    expect(error.message).toContain(`\`${other}\``);
    expect(error.message).not.toContain(SECRET);
  });
});

describe("half of a pair is refused, and the other half named", () => {
  test.each<[string, string, IdentityOptions]>([
    ["clientSecret", "tenantId", { clientId: CLIENT, clientSecret: SECRET }],
    ["clientSecret", "clientId", { tenantId: TENANT, clientSecret: SECRET }],
    ["clientCertificate", "clientId", { tenantId: TENANT, clientCertificate: PEM }],
    ["federatedTokenFile", "tenantId", { clientId: CLIENT, federatedTokenFile: "/x" }],
    ["federatedTokenFile", "clientId", { tenantId: TENANT, federatedTokenFile: "/x" }],
    ["tenantId", "clientSecret", APP],
    ["tenantId", "clientSecret", { tenantId: TENANT }],
    ["clientCertificatePassword", "clientCertificate", { clientCertificatePassword: "p" }],
    ["sendCertificateChain", "clientCertificate", { sendCertificateChain: true }],
  ])("%s without %s", async (one, other, options) => {
    const error = await caught(() => createIdentityProvider(options));
    expect(error.code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
    expect(error.message).toContain(`\`${one}\``);
    expect(error.message).toContain(`\`${other}\``);
  });
});

describe("a value that cannot be right is refused", () => {
  test.each<[string, object | null]>([
    ["clientId", { clientId: "" }],
    ["clientId", { clientId: "  " }],
    ["clientId", { clientId: 5 }],
    ["clientSecret", { ...APP, clientSecret: "" }],
    ["clientCertificate", { ...APP, clientCertificate: "" }],
    ["clientCertificate", { ...APP, clientCertificate: 5 }],
    ["clientCertificatePassword", { ...APP, clientCertificate: PEM, clientCertificatePassword: 5 }],
    ["sendCertificateChain", { ...APP, clientCertificate: PEM, sendCertificateChain: "yes" }],
    ["tenantId", { clientId: CLIENT, clientSecret: SECRET, tenantId: "a/b" }],
    ["expectedTenantId", { expectedTenantId: "contoso.com" }],
    ["resourceId", { resourceId: OID }],
    ["managedIdentity", { managedIdentity: false }],
    ["managedIdentity", { managedIdentity: {} }],
    ["managedIdentity.clientId", { managedIdentity: { clientId: "" } }],
    ["cloud", { cloud: "germany" }],
    ["authorityHost", { authorityHost: "login.microsoftonline.us" }],
    ["authorityHost", { authorityHost: "http://login.microsoftonline.us" }],
    ["authorityHost", { authorityHost: "https://me:hush@login.microsoftonline.us" }],
    ["ca", { ca: "/etc/ssl/ca.pem" }],
    ["ca", { ca: [] }],
    ["credential", { credential: {} }],
    ["credential", { credential: null }],
    ["identityProvider", { identityProvider: {} }],
    ["scope", { scope: "https://redis.azure.com" }],
    ["scopes", { scopes: ["https://redis.azure.com/.default", "https://graph.microsoft.com/.default"] }],
    ["options", null],
  ])("%s in %j", async (option, options) => {
    // Callers without types can pass anything.
    const error = await caught(() => createIdentityProvider(options as IdentityOptions));
    expect(error.code).toBe("ERR_PASSWORDLESS_INVALID_OPTION");
    expect(error.message).toContain(`\`${option}\``);
    expect(error.message).not.toContain("hush");
  });
});

describe("an unknown option is refused, with the likely one", () => {
  test.each([
    ["clientID", "clientId"],
    ["tenatId", "tenantId"],
    ["certificatePath", "clientCertificatePath"],
    ["tokenFilePath", "federatedTokenFile"],
    ["userAssignedClientId", "clientId"],
    ["authority", "authorityHost"],
  ])("%s: did you mean %s?", async (given, meant) => {
    const error = await caught(() => createIdentityProvider({ [given]: "x" }));
    expect(error.message).toContain(`\`${given}\``);
    expect(error.remedy).toBe(`Did you mean \`${meant}\`?`);
  });

  test.each(["zzz", "constructor", "__defineGetter__"])("%s: the list of all", async (given) => {
    const error = await caught(() => createIdentityProvider({ [given]: "x" }));
    expect(error.remedy).toContain("`federatedTokenFile`");
  });

  test("an alias leads to an option that exists", () => {
    for (const name of Object.values(IDENTITY_OPTION_ALIASES)) expect(IDENTITY_OPTION_NAMES).toContain(name);
  });
});
