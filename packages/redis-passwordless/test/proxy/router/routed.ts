import { createSecureContext } from "node:tls";
import { type AccessPolicy, type Emulator, type EmulatorOptions, startEmulator } from "azure-redis-emulator";
import { createClient } from "redis";
import { createIdentity } from "../../../src/azure/entra-id.js";
import { ClientDesk } from "../../../src/proxy/client-desk.js";
import { withSharedReads } from "../../../src/proxy/io/shared-reads.js";
import type { Listener } from "../../../src/proxy/listener.js";
import { Cluster } from "../../../src/proxy/router/cluster.js";
import { RouterClient } from "../../../src/proxy/router/router-client.js";
import { Upstream } from "../../../src/proxy/upstream.js";
import type { Identity } from "../../../src/reauth/identity.js";
import { type MappedAddress, reachedByEndpoint } from "../../../src/topology/address-map.js";
import { listen } from "../../support/listen.js";
import { Wire } from "../shared/wire.js";

/** A cluster of a local Azure, offered as one server. */
export class RoutedCache implements AsyncDisposable {
  readonly azure: Emulator;
  readonly identity: Identity;
  readonly cluster: Cluster;
  readonly clients = new Set<RouterClient>();
  readonly #listener: Listener;

  private constructor(
    azure: Emulator,
    identity: Identity,
    cluster: Cluster,
    clients: Set<RouterClient>,
    listener: Listener,
  ) {
    this.azure = azure;
    this.identity = identity;
    this.cluster = cluster;
    this.clients = clients;
    this.#listener = listener;
  }

  static async start(
    options: EmulatorOptions = {},
    lifecycle: Parameters<typeof createIdentity>[0] = {},
  ): Promise<RoutedCache> {
    const azure = await startEmulator({
      redis: { cluster: { masters: 3, announce: "unreachableIp" } },
      ...options,
    });
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost };
    const identity = createIdentity({ managedIdentity: true, ...lifecycle }, env);
    const { host, port } = azure.redis;
    const secureContext = createSecureContext({ ca: azure.caCertificate });
    const map = reachedByEndpoint(host);
    const cluster = new Cluster({
      endpoint: { host, port },
      pool: { size: 2 },
      server: (node) => {
        const { servername, ...mapped }: MappedAddress = map(node) ?? node;
        const address = { ...mapped, serverName: servername, isEncrypted: true };
        return new Upstream({ address, identity, secureContext, connectTimeoutMs: 5_000 });
      },
    });
    const clients = new Set<RouterClient>();
    const listener = await listen((socket) => {
      const desk = new ClientDesk(undefined);
      const client = new RouterClient({
        client: withSharedReads(socket),
        cluster,
        desk,
        id: clients.size + 1,
      });
      clients.add(client);
      void client.ended.then(() => clients.delete(client));
    });
    return new RoutedCache(azure, identity, cluster, clients, listener);
  }

  get port(): number {
    return this.#listener.port ?? 0;
  }

  client(): Promise<Wire> {
    return Wire.dial(this.port);
  }

  /** Runs a command on a real server, past the router and the gateway. */
  async onServer<T>(node: number, ...command: string[]): Promise<T> {
    const server = await createClient({ url: this.azure.redis.nodes[node]!.backendUrl }).connect();
    try {
      return (await server.sendCommand(command)) as T;
    } finally {
      server.destroy();
    }
  }

  /** Changes what the cache lets the clients do. */
  setPolicy(policy: AccessPolicy): Promise<void> {
    return this.azure.assign(this.azure.systemIdentity.objectId, policy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.destroy("closing");
    await this.#listener.close();
    this.cluster.close();
    await this.identity.close();
    await this.azure.close();
  }
}
