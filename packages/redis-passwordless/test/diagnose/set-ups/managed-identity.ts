import type { Emulator, Identity } from "azure-redis-emulator";
import type { Machine, Start } from "../machine.js";
import { NOBODY, type SetUp } from "./set-up.js";

const imds = (machine: Machine, azure: Emulator, ...args: readonly string[]): Start => {
  const { args: address, env } = machine.start(azure.systemIdentity);
  return { args: [...address, ...args], env };
};

/** App Service, as this identity. */
function appService(machine: Machine, azure: Emulator, identity: Identity): Start {
  const {
    REDIS_URL: _,
    AZURE_REDIS_EMULATOR_URL: __,
    ...env
  } = azure.env(identity, {
    managedIdentityEndpoint: "appService",
  });
  return { args: [machine.address], env: { ...machine.env(), ...env } };
}

/** What stands where the metadata service should be. */
const answers = (name: string, status: number, body: unknown, rule: string, contentType?: string): SetUp => ({
  name,
  prepare(machine, azure) {
    azure.injectFault("imds", { kind: "status", status, body, ...(contentType && { contentType }) });
    return imds(machine, azure);
  },
  expected: { rule },
});

/** What goes wrong between a workload on Azure, or a laptop, and its managed identity. */
export const MANAGED_IDENTITY_SET_UPS: readonly SetUp[] = [
  {
    name: "a user-assigned identity that is not attached",
    prepare: (machine, azure) => imds(machine, azure, "--client-id", NOBODY),
    expected: { rule: "managed-identity-not-attached", certainty: "likely", says: new RegExp(NOBODY) },
  },
  {
    name: "an app registration's client ID in AZURE_CLIENT_ID of an App Service",
    prepare(machine, azure) {
      const { args, env } = appService(machine, azure, azure.userIdentity);
      return { args, env: { ...env, AZURE_CLIENT_ID: azure.servicePrincipal.clientId } };
    },
    expected: { rule: "managed-identity-not-attached", certainty: "likely" },
  },
  {
    name: "an object ID given as a client ID",
    prepare: (machine, azure) => imds(machine, azure, "--client-id", azure.userIdentity.objectId),
    expected: { rule: "managed-identity-id-of-wrong-kind", certainty: "certain", says: /object ?id/i },
  },
  {
    name: "a client ID given as an object ID, in App Service",
    prepare(machine, azure) {
      const { args, env } = appService(machine, azure, azure.systemIdentity);
      return { args: [...args, "--object-id", azure.userIdentity.clientId], env };
    },
    expected: { rule: "managed-identity-id-of-wrong-kind", certainty: "certain", says: /client ?id/i },
  },
  {
    name: "several user-assigned identities, and none of them named",
    prepare(machine, azure) {
      azure.removeIdentity(azure.systemIdentity.objectId);
      azure.addManagedIdentity({ kind: "user" });
      return imds(machine, azure);
    },
    expected: { rule: "managed-identity-not-named", certainty: "certain" },
  },
  {
    name: "a virtual machine without any managed identity",
    prepare(machine, azure) {
      azure.removeIdentity(azure.systemIdentity.objectId);
      azure.removeIdentity(azure.userIdentity.objectId);
      return imds(machine, azure);
    },
    expected: { rule: "managed-identity-none" },
  },
  {
    name: "an App Service without a system-assigned identity",
    prepare(machine, azure) {
      azure.removeIdentity(azure.systemIdentity.objectId);
      return appService(machine, azure, azure.systemIdentity);
    },
    expected: { rule: "managed-identity-none" },
  },
  answers(
    "a forward proxy that swallows the metadata header",
    400,
    { error: "bad_request_102", error_description: "Required metadata header not specified" },
    "metadata-header-missing",
  ),
  answers(
    "a container of Docker Desktop",
    403,
    "connecting to 169.254.169.254:80: connecting to 169.254.169.254:80: dial tcp 169.254.169.254:80: connectex: A socket operation was attempted to an unreachable network.",
    "docker-desktop-metadata",
    "text/plain",
  ),
  answers(
    "a proxy that answers in the place of the metadata service",
    403,
    "<html><head><title>Access denied</title></head><body>Blocked by policy</body></html>",
    "metadata-behind-proxy",
    "text/html",
  ),
  answers("a metadata service that is asked too often", 429, {}, "managed-identity-throttled"),
  answers("a metadata service that fails", 500, { error: "unknown" }, "managed-identity-failing"),
  answers("a metadata service that is being updated", 410, "", "managed-identity-updating"),
  {
    name: "an identity header of another time, in App Service",
    prepare(machine, azure) {
      const { args, env } = appService(machine, azure, azure.systemIdentity);
      return { args, env: { ...env, IDENTITY_HEADER: "0123456789ABCDEF0123456789ABCDEF" } };
    },
    expected: { rule: "identity-header-rejected", certainty: "certain" },
  },
  {
    name: "an identity endpoint of App Service that is not there",
    async prepare(machine, azure) {
      const { args, env } = appService(machine, azure, azure.systemIdentity);
      const IDENTITY_ENDPOINT = `http://127.0.0.1:${await machine.closedPort()}/msi/token`;
      return { args, env: { ...env, IDENTITY_ENDPOINT } };
    },
    expected: { rule: "identity-endpoint-unreachable" },
  },
  {
    name: "a managed identity on a laptop",
    async prepare(machine) {
      const network = machine.network({ routes: { "169.254.169.254": await machine.closedPort() } });
      const { args, env } = machine.start(undefined, network);
      return { args: [...args, "--identity", "managed-identity"], env };
    },
    expected: { rule: "not-on-azure" },
  },
];
