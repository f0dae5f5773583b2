import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { createIdentity } from "../../src/azure/entra-id.js";
import { candidatesIn, canLoadAzureIdentity } from "../../src/diagnose/candidates.js";

const TENANT = "11111111-2222-3333-4444-555555555555";
const namesIn = (env: Record<string, string>, hasAzureIdentity = false) =>
  candidatesIn(env, { hasAzureIdentity }).map(({ name, isAvailable }) => `${name}: ${isAvailable}`);

describe("the identities that could be available", () => {
  test("without any variable: what the environment chooses, and perhaps the machine's", () => {
    expect(namesIn({})).toEqual(["environment: yes", "managed identity, system-assigned: maybe"]);
  });

  test("with @azure/identity, the tools of developers, too", () => {
    expect(namesIn({}, true).slice(2)).toEqual([
      "Azure CLI: maybe",
      "Azure Developer CLI: maybe",
      "Azure PowerShell: maybe",
    ]);
    expect(canLoadAzureIdentity()).toBe(true);
    expect(candidatesIn({}).map(({ name }) => name)).toContain("Azure CLI");
  });

  test("each by its variables, those of Service Connector beside Azure's", () => {
    const env = {
      IDENTITY_ENDPOINT: "http://127.0.0.1:1/token",
      IDENTITY_HEADER: "header",
      AZURE_CLIENT_ID: "app",
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_SECRET: "9i8Q~secret-one",
      AZURE_CLIENT_CERTIFICATE_PATH: "/certificate.pem",
      AZURE_FEDERATED_TOKEN_FILE: "/federated",
      AZURE_REDIS_CLIENTID: "connector",
      AZURE_REDIS_CLIENTSECRET: "9i8Q~secret-two",
      AZURE_REDIS_TENANTID: TENANT,
    };
    expect(namesIn(env)).toEqual([
      "environment: yes",
      "managed identity, system-assigned: yes",
      "managed identity of AZURE_CLIENT_ID: maybe",
      "managed identity of AZURE_REDIS_CLIENTID: maybe",
      "workload identity: yes",
      "workload identity of AZURE_REDIS_CLIENTID: yes",
      "service principal (AZURE_REDIS_CLIENTSECRET): yes",
      "service principal (AZURE_CLIENT_SECRET): yes",
      "service principal (AZURE_CLIENT_CERTIFICATE_PATH): yes",
    ]);
  });

  test("an identity that two variables name is there once", () => {
    const env = { AZURE_CLIENT_ID: "same", AZURE_REDIS_CLIENTID: "same" };
    expect(namesIn(env).slice(2)).toEqual(["managed identity of AZURE_CLIENT_ID: maybe"]);
  });

  test("an endpoint that cannot be used is one to ask about", () => {
    const env = { IDENTITY_ENDPOINT: "nonsense", IDENTITY_HEADER: "header" };
    expect(namesIn(env)[1]).toBe("managed identity, system-assigned: yes");
  });

  test("names of one's own are found by their prefix", () => {
    const env = { SESSIONS_CLIENTID: "other" };
    const names = candidatesIn(env, { prefix: "SESSIONS", hasAzureIdentity: false }).map(({ name }) => name);
    expect(names.at(-1)).toBe("managed identity of SESSIONS_CLIENTID");
  });

  test("their options are those of entraId(), with what holds for all of them", async () => {
    const env = {
      AZURE_CLIENT_ID: "app",
      AZURE_TENANT_ID: TENANT,
      AZURE_CLIENT_SECRET: "9i8Q~secret",
      AZURE_FEDERATED_TOKEN_FILE: "/federated",
    };
    const common = { scope: "https://example.com/.default" };
    const [choice, ...candidates] = candidatesIn(env, { common, hasAzureIdentity: true });
    expect(choice).toEqual({ name: "environment", options: undefined, isAvailable: "yes" });
    for (const { name, options } of candidates) {
      expect(options, name).toMatchObject(common);
      const identity = createIdentity(options!, env);
      expect(inspect(identity)).not.toContain("9i8Q~secret");
      await identity.close();
    }
  });
});
