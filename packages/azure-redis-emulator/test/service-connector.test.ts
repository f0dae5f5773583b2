import { afterAll, beforeAll, expect, test } from "vitest";
import { type Emulator, startEmulator } from "../src/index.js";

let azure: Emulator;
let endpoints: Record<string, string>;
let host: string;
beforeAll(async () => {
  azure = await startEmulator();
  host = `localhost:${azure.redis.port}`;
  endpoints = {
    NODE_EXTRA_CA_CERTS: azure.caFile,
    AZURE_AUTHORITY_HOST: azure.authorityHost,
    AZURE_REDIS_EMULATOR_URL: azure.controlUrl,
  };
});
afterAll(() => azure.close());

test("the system-assigned identity has the host only", () => {
  expect(azure.env(azure.systemIdentity, { serviceConnector: true })).toEqual({
    ...endpoints,
    AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost,
    AZURE_REDIS_HOST: host,
  });
});

test("a user-assigned identity has its client ID as well", () => {
  const options = { serviceConnector: true, managedIdentityEndpoint: "appService" } as const;
  expect(azure.env(azure.userIdentity, options)).toEqual({
    ...endpoints,
    IDENTITY_ENDPOINT: azure.appService.endpoint,
    IDENTITY_HEADER: azure.appService.header,
    AZURE_REDIS_HOST: host,
    AZURE_REDIS_CLIENTID: azure.userIdentity.clientId,
  });
});

test("a service principal has its secret and its tenant", () => {
  expect(azure.env(azure.servicePrincipal, { serviceConnector: true })).toEqual({
    ...endpoints,
    AZURE_REDIS_HOST: host,
    AZURE_REDIS_CLIENTID: azure.servicePrincipal.clientId,
    AZURE_REDIS_CLIENTSECRET: azure.servicePrincipal.secret,
    AZURE_REDIS_TENANTID: azure.tenantId,
  });
});

test("the prefix may be one's own", () => {
  const env = azure.env(azure.userIdentity, { serviceConnector: "SESSIONS" });
  expect(env).toMatchObject({ SESSIONS_HOST: host, SESSIONS_CLIENTID: azure.userIdentity.clientId });
  expect(env).not.toHaveProperty("AZURE_REDIS_HOST");
  expect(() => azure.env(azure.userIdentity, { serviceConnector: "A-B" })).toThrow(
    '"serviceConnector" must be true or the prefix of variables, such as "AZURE_REDIS"; got "A-B".',
  );
});

test("the access key is for these variables only", () => {
  expect(() => azure.env(azure.systemIdentity, { accessKey: true })).toThrow(
    '"accessKey" is for the variables of',
  );
});
