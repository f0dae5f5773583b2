import { randomUUID } from "node:crypto";
import { NOBODY, type SetUp } from "./set-up.js";

const DOCKER_DESKTOP =
  "connecting to 169.254.169.254:80: dial tcp 169.254.169.254:80: connectex: A socket operation was attempted to an unreachable network.";

/** Two things wrong at once: either may be said first, and none may hide the other where both can be seen. */
export const COMBINED_SET_UPS: readonly SetUp[] = [
  {
    name: "an expired secret and a port on which nobody listens",
    async prepare(machine, azure) {
      const { env } = machine.start(azure.addServicePrincipal({ secretExpired: true }));
      return { args: [`localhost:${await machine.closedPort()}`], env };
    },
    expected: {
      rule: "connection-refused",
      equallyTrue: { "client-secret-expired": "independent of the other" },
      also: ["connection-refused", "client-secret-expired"],
    },
  },
  {
    name: "a clock that is ahead and an identity without an access policy",
    prepare(machine, azure) {
      azure.setClockOffset(-120 * 60_000);
      return machine.start(azure.addServicePrincipal({ accessPolicy: null }));
    },
    expected: { rule: "access-policy-missing", certainty: "likely", also: ["clock-skew"] },
  },
  {
    name: "a clock that is behind and an identity without an access policy",
    prepare(machine, azure) {
      azure.setClockOffset(10 * 60_000);
      return machine.start(azure.addServicePrincipal({ accessPolicy: null }));
    },
    expected: { rule: "access-policy-missing", certainty: "likely", also: ["clock-skew"] },
  },
  {
    name: "an alias that the certificate does not cover and an identity without an access policy",
    async prepare(machine, azure) {
      const { env } = machine.start(azure.addServicePrincipal({ accessPolicy: null }));
      await azure.redis.useCertificate(0, { names: ["*.redis.cache.windows.net"] });
      return { args: [machine.address], env };
    },
    expected: { rule: "certificate-name-mismatch", certainty: "certain", says: /redis\.cache\.windows\.net/ },
  },
  {
    name: "Docker Desktop and a port that speaks plain text",
    prepare(machine, azure) {
      azure.injectFault("imds", {
        kind: "status",
        status: 403,
        body: DOCKER_DESKTOP,
        contentType: "text/plain",
      });
      return { args: [`localhost:${azure.redis.plaintextPort}`], env: machine.env(azure.systemIdentity) };
    },
    expected: {
      rule: "docker-desktop-metadata",
      equallyTrue: { "plaintext-port": "independent of the other" },
      also: ["docker-desktop-metadata", "plaintext-port"],
    },
  },
  {
    name: "a wrong tenant and a host name that nobody knows",
    prepare(machine, azure) {
      const host = "contoso.westeurope.redis.azure.net";
      const network = machine.network({ hosts: { [host]: "ENOTFOUND" } });
      return {
        args: [host],
        env: machine.env(azure.servicePrincipal, { AZURE_TENANT_ID: NOBODY, ...network }),
      };
    },
    expected: {
      rule: "host-not-found",
      equallyTrue: { "tenant-not-found": "independent of the other" },
      also: ["host-not-found", "tenant-not-found"],
    },
  },
  {
    name: "the ID of a secret and a full server",
    async prepare(machine, azure) {
      azure.redis.setMaxClients(0);
      return machine.start(azure.servicePrincipal, { AZURE_CLIENT_SECRET: randomUUID() });
    },
    expected: {
      rule: "client-secret-id-instead-of-value",
      equallyTrue: { "max-clients": "independent of the other" },
      also: ["client-secret-id-instead-of-value", "max-clients"],
    },
  },
  {
    name: "an object ID given as a client ID and a certificate that has expired",
    async prepare(machine, azure) {
      await azure.redis.useCertificate(0, { state: "expired" });
      const { args, env } = machine.start(azure.systemIdentity);
      return { args: [...args, "--client-id", azure.userIdentity.objectId], env };
    },
    expected: {
      rule: "certificate-expired",
      equallyTrue: { "managed-identity-id-of-wrong-kind": "independent of the other" },
      also: ["certificate-expired", "managed-identity-id-of-wrong-kind"],
    },
  },
];
