import type { SetUp } from "./set-up.js";

const SUBJECT = "system:serviceaccount:shop:cart";

/** Nothing is wrong: whoever names a cause here is not to be trusted elsewhere. */
export const HEALTHY_SET_UPS: readonly SetUp[] = [
  {
    name: "a system-assigned identity",
    prepare: (machine, azure) => machine.start(azure.systemIdentity),
    expected: "flawless",
  },
  {
    name: "a user-assigned identity in App Service",
    prepare(machine, azure) {
      const {
        REDIS_URL: _,
        AZURE_REDIS_EMULATOR_URL: __,
        ...env
      } = azure.env(azure.userIdentity, {
        managedIdentityEndpoint: "appService",
      });
      return { args: [machine.address], env: { ...machine.env(), ...env } };
    },
    expected: "flawless",
  },
  {
    name: "a service principal by the variables of Service Connector",
    prepare(machine, azure) {
      const { AZURE_REDIS_EMULATOR_URL: _, ...env } = azure.env(azure.servicePrincipal, {
        serviceConnector: true,
      });
      return { args: [], env: { ...machine.env(), ...env } };
    },
    expected: "flawless",
  },
  {
    name: "a workload identity",
    async prepare(machine, azure) {
      const trusted = [{ issuer: azure.federationIssuer, subject: SUBJECT }];
      const { clientId } = azure.addManagedIdentity({ kind: "user", federatedCredentials: trusted });
      const file = machine.file("token", await azure.issueFederatedToken({ subject: SUBJECT }));
      const names = { AZURE_CLIENT_ID: clientId, AZURE_TENANT_ID: azure.tenantId };
      return machine.start(undefined, { ...names, AZURE_FEDERATED_TOKEN_FILE: file });
    },
    expected: "flawless",
  },
  {
    name: "a developer by the Azure CLI",
    prepare: (machine, azure) => machine.laptop({ az: azure.developer }, "--identity", "azure-cli"),
    expected: "flawless",
  },
  {
    name: "an access key",
    prepare(machine, azure) {
      const { AZURE_REDIS_EMULATOR_URL: _, ...env } = azure.env(azure.systemIdentity, {
        serviceConnector: true,
        accessKey: true,
      });
      return { args: [], env: { ...machine.env(), ...env } };
    },
    expected: "healthy",
  },
  {
    name: "an OSS cluster that announces IP addresses",
    cache: "cluster",
    prepare: (machine, azure) => machine.start(azure.systemIdentity),
    expected: "flawless",
  },
  {
    name: "an OSS cluster whose addresses nobody can reach, behind a private endpoint",
    cache: "unreachableNodes",
    prepare: (machine, azure) => machine.start(azure.systemIdentity),
    expected: "healthy",
  },
  {
    name: "the Enterprise policy",
    cache: "enterprise",
    prepare: (machine, azure) => machine.start(azure.systemIdentity),
    expected: "flawless",
  },
  {
    name: "the policy Data Reader",
    prepare: (machine, azure) => machine.start(azure.addServicePrincipal({ accessPolicy: "Data Reader" })),
    expected: "healthy",
  },
  {
    name: "the policy Data Contributor",
    prepare: (machine, azure) =>
      machine.start(azure.addServicePrincipal({ accessPolicy: "Data Contributor" })),
    expected: "healthy",
  },
  {
    name: "an access string for some keys",
    prepare: (machine, azure) =>
      machine.start(azure.addServicePrincipal({ accessPolicy: "+@read ~cache:*" })),
    expected: "healthy",
  },
  {
    name: "an access string for some keys, with their prefix",
    prepare(machine, azure) {
      const { args, env } = machine.start(azure.addServicePrincipal({ accessPolicy: "+@all ~cache:*" }));
      return { args: [...args, "--key-prefix", "cache:"], env };
    },
    expected: "flawless",
  },
];
