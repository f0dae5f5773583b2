import type { SetUp } from "./set-up.js";

const KEY = "b3V0ZGF0ZWQga2V5IG9mIGEgY2FjaGUgdGhhdCBpcyBubyBtb3JlPQ==";
const OTHER_KEY = "YW5vdGhlciBrZXkgb2YgYSBjYWNoZSB0aGF0IGlzIG5vIG1vcmU9PT0=";
const AMR = "contoso.westeurope.redis.azure.net";

/** What Service Connector, a manifest or a person has left in the environment. */
export const VARIABLE_SET_UPS: readonly SetUp[] = [
  {
    name: "no address anywhere",
    prepare: (machine, azure) => ({ args: [], env: machine.env(azure.systemIdentity) }),
    expected: { rule: "err_passwordless_endpoint_missing", certainty: "certain" },
  },
  {
    name: "two addresses",
    prepare: (machine, azure) => {
      const AZURE_REDIS_CONNECTIONSTRING = `rediss://:${encodeURIComponent(KEY)}@fabrikam.redis.cache.windows.net:6380/0`;
      const env = machine.env(azure.systemIdentity, {
        AZURE_REDIS_HOST: machine.address,
        AZURE_REDIS_CONNECTIONSTRING,
      });
      return { args: [], env };
    },
    expected: { rule: "addresses-differ", certainty: "certain" },
  },
  {
    name: "two access keys",
    prepare: (machine) => {
      const AZURE_REDIS_CONNECTIONSTRING = `rediss://:${encodeURIComponent(KEY)}@${machine.address}/0`;
      const env = machine.env(undefined, { AZURE_REDIS_CONNECTIONSTRING, AZURE_REDIS_PASSWORD: OTHER_KEY });
      return { args: [], env };
    },
    expected: { rule: "access-keys-differ", certainty: "certain" },
  },
  {
    name: "an access key and an identity",
    prepare: (machine, azure) => {
      const AZURE_REDIS_CLIENTID = azure.userIdentity.clientId;
      const AZURE_REDIS_CONNECTIONSTRING = `rediss://:${encodeURIComponent(KEY)}@${machine.address}/0`;
      const env = machine.env(azure.systemIdentity, { AZURE_REDIS_CLIENTID, AZURE_REDIS_CONNECTIONSTRING });
      return { args: [], env };
    },
    expected: { rule: "access-key-and-identity", certainty: "certain" },
  },
  {
    name: "an access key of another cache than the one that is examined",
    prepare: (machine) => {
      const AZURE_REDIS_CONNECTIONSTRING = `rediss://:${encodeURIComponent(KEY)}@fabrikam.redis.cache.windows.net:6380/0`;
      return { args: [machine.address], env: machine.env(undefined, { AZURE_REDIS_CONNECTIONSTRING }) };
    },
    expected: { rule: "access-key-of-other-cache", certainty: "certain" },
  },
  {
    name: "a secret of a service principal without its tenant",
    prepare: (machine, azure) => {
      const { clientId, secret = "" } = azure.servicePrincipal;
      const names = { AZURE_REDIS_CLIENTID: clientId, AZURE_REDIS_CLIENTSECRET: secret };
      return { args: [], env: machine.env(undefined, { AZURE_REDIS_HOST: machine.address, ...names }) };
    },
    expected: { rule: "service-principal-incomplete", certainty: "certain" },
  },
  {
    name: "an authority of another cloud than the cache's",
    prepare: (machine, azure) => {
      const network = machine.network({ hosts: { [AMR]: "ENOTFOUND" } });
      const AZURE_AUTHORITY_HOST = "https://login.microsoftonline.us";
      return { args: [AMR], env: machine.env(azure.servicePrincipal, { AZURE_AUTHORITY_HOST, ...network }) };
    },
    expected: {
      rule: "authority-of-other-cloud",
      equallyTrue: { "host-not-found": "independent of the other" },
      also: ["authority-of-other-cloud", "host-not-found"],
    },
  },
  {
    name: "nothing that says who it is, on a machine without managed identity and without tools",
    async prepare(machine, azure) {
      const network = machine.network({ routes: { "169.254.169.254": await machine.closedPort() } });
      const { args, env } = machine.laptop({});
      return { args, env: { ...env, ...network, AZURE_TENANT_ID: azure.tenantId } };
    },
    expected: {
      rule: "no-identity-found",
      equallyTrue: { "developer-not-logged-in": "nobody is logged in to any tool" },
    },
  },
];
