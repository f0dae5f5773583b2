import type { Machine, Network, Start } from "../machine.js";
import type { SetUp } from "./set-up.js";

const AMR = "contoso.westeurope.redis.azure.net";
const ACR = "contoso.redis.cache.windows.net";

/** The doctor at another address, as the system-assigned identity; other than Azure's authority has to be said then. */
function at(machine: Machine, address: string, network: Network = {}): Start {
  return { args: [address], env: machine.env(machine.azure.systemIdentity, machine.network(network)) };
}

/** The address of a cache that refuses connections. */
async function closed(machine: Machine, host: string): Promise<Network> {
  const port = await machine.closedPort();
  return { hosts: { [host]: ADDRESS }, routes: { [host]: port, [ADDRESS]: port } };
}

/** A public address that is nobody's (RFC 5737). */
const ADDRESS = "192.0.2.1";

/** What goes wrong between a machine and its cache, before anybody logs in. */
export const NETWORK_SET_UPS: readonly SetUp[] = [
  {
    name: "a host name that nobody knows",
    prepare: (machine) => at(machine, AMR, { hosts: { [AMR]: "ENOTFOUND" } }),
    expected: { rule: "host-not-found", says: /contoso/ },
  },
  {
    name: "name servers that do not answer",
    prepare: (machine) => at(machine, AMR, { hosts: { [AMR]: "EAI_AGAIN" } }),
    expected: { rule: "dns-unavailable" },
  },
  {
    name: "a port on which nobody listens",
    prepare: async (machine, azure) => ({
      args: [`localhost:${await machine.closedPort()}`],
      env: machine.env(azure.systemIdentity),
    }),
    expected: { rule: "connection-refused" },
  },
  {
    name: "the port of Azure Cache for Redis at Azure Managed Redis",
    prepare: async (machine) => at(machine, `${AMR}:6380`, await closed(machine, AMR)),
    expected: { rule: "port-of-other-product", says: /10000/ },
  },
  {
    name: "the port of Azure Managed Redis at Azure Cache for Redis",
    prepare: async (machine) => at(machine, `${ACR}:10000`, await closed(machine, ACR)),
    expected: { rule: "port-of-other-product", says: /6380/ },
  },
  {
    name: "a private endpoint whose DNS zone the machine's network does not have",
    prepare: async (machine) => {
      const aliases = { [AMR]: "contoso.westeurope.privatelink.redis.azure.net" };
      return at(machine, AMR, { ...(await closed(machine, AMR)), aliases });
    },
    expected: { rule: "private-dns-zone-missing", certainty: "likely", says: /privatelink/ },
  },
  {
    name: "the name of a private endpoint's DNS zone as the host",
    prepare: (machine) => at(machine, "contoso.westeurope.privatelink.redis.azure.net:10000"),
    expected: { rule: "err_passwordless_private_link_name" },
  },
  {
    name: "a cache of a tier without Entra ID",
    async prepare(machine, azure) {
      const host = "contoso.westeurope.redisenterprise.cache.azure.net";
      await azure.redis.useCertificate(0, { names: [host] });
      return at(machine, `${host}:${azure.redis.port}`, { hosts: { [host]: "127.0.0.1" } });
    },
    expected: { rule: "err_passwordless_entra_id_unsupported" },
  },
  {
    name: "a port that speaks plain text",
    prepare: (machine, azure) => at(machine, `localhost:${azure.redis.plaintextPort}`),
    expected: { rule: "plaintext-port", certainty: "certain" },
  },
  {
    name: "a web server in the place of the cache",
    prepare: (machine, azure) => at(machine, new URL(azure.authorityHost).host),
    expected: { rule: "reply-not-redis" },
  },
  {
    name: "an IP address as the host",
    prepare: (machine, azure) => at(machine, `127.0.0.1:${azure.redis.port}`),
    expected: { rule: "certificate-has-no-ip-addresses", certainty: "certain" },
  },
  {
    name: "an alias of the cache that its certificate does not cover",
    async prepare(machine, azure) {
      await azure.redis.useCertificate(0, { names: ["*.westeurope.redis.azure.net"] });
      const alias = { hosts: { "cache.contoso.example": "127.0.0.1" } };
      return at(machine, `cache.contoso.example:${azure.redis.port}`, alias);
    },
    expected: { rule: "certificate-name-mismatch", certainty: "certain", says: /cache\.contoso\.example/ },
  },
  {
    name: "a certificate of an authority that the machine does not know",
    async prepare(machine, azure) {
      await azure.redis.useCertificate(0, { state: "untrusted" });
      return machine.start(azure.systemIdentity);
    },
    expected: { rule: "certificate-untrusted" },
  },
  {
    name: "a certificate that has expired",
    async prepare(machine, azure) {
      await azure.redis.useCertificate(0, { state: "expired" });
      return machine.start(azure.systemIdentity);
    },
    expected: { rule: "certificate-expired" },
  },
  {
    name: "a certificate that is not valid yet",
    async prepare(machine, azure) {
      await azure.redis.useCertificate(0, { state: "notYetValid" });
      return machine.start(azure.systemIdentity);
    },
    expected: { rule: "certificate-not-yet-valid" },
  },
  {
    name: "a server that speaks TLS 1.1 at most",
    prepare(machine, azure) {
      azure.redis.setOutdatedTls("TLSv1.1");
      return machine.start(azure.systemIdentity);
    },
    expected: { rule: "tls-version-unsupported" },
  },
  {
    name: "a firewall that resets the TLS handshake",
    prepare(machine, azure) {
      azure.redis.injectConnectionFault({ kind: "reset" });
      return machine.start(azure.systemIdentity);
    },
    expected: { rule: "tls-handshake-cut" },
  },
  {
    name: "a server that closes every connection at once",
    prepare(machine, azure) {
      azure.redis.injectConnectionFault({ kind: "close" });
      return machine.start(azure.systemIdentity);
    },
    expected: {
      rule: "tls-handshake-cut",
      equallyTrue: { "connection-cut": "it is closed before the handshake can begin" },
    },
  },
  {
    name: "a server that closes every connection after the TLS handshake",
    prepare(machine, azure) {
      azure.redis.injectConnectionFault({ kind: "close", stage: "encrypted" });
      return machine.start(azure.systemIdentity);
    },
    expected: { rule: "connection-cut" },
  },
];
