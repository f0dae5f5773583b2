import type { ActiveFault, RedisGateway, RedisNode } from "./api.js";
import type { Gateway } from "./gateway/gateway.js";
import type { RedisBackend } from "./redis-server/redis-server.js";

/** The certificate covers this name only, so clients must connect by it. */
export const HOST_NAME = "localhost";

/** The gateway and the servers behind it as one, as users of the emulator see them. */
export class RedisFacade implements RedisGateway {
  readonly host = HOST_NAME;
  readonly #gateway: Gateway;
  readonly #backend: RedisBackend;
  readonly #faults = new Set<ActiveFault>();

  constructor(gateway: Gateway, backend: RedisBackend) {
    this.#gateway = gateway;
    this.#backend = backend;
  }

  get port(): number {
    return this.#gateway.port;
  }

  get url(): string {
    return `rediss://${this.host}:${this.port}`;
  }

  get plaintextPort(): number {
    return this.#gateway.plaintextPort;
  }

  get backendUrl(): string {
    return this.#backend.servers[0]!.adminUrl;
  }

  get nodes(): readonly RedisNode[] {
    return this.#backend.servers.map(({ adminUrl }, index) => ({
      host: this.host,
      port: this.#gateway.nodes[index]!.port,
      backendUrl: adminUrl,
    }));
  }

  get server(): string {
    return this.#backend.servers[0]!.version;
  }

  get connectionCount(): number {
    return this.#gateway.connectionCount;
  }

  killConnections(filter: { readonly objectId?: string } = {}): number {
    return this.#gateway.killConnections(filter);
  }

  restart(): Promise<void> {
    return this.#backend.restart();
  }

  injectFault(...[fault, scope]: Parameters<RedisGateway["injectFault"]>): ActiveFault {
    const active = this.#gateway.injectFault(fault, scope);
    this.#faults.add(active);
    return active;
  }

  clearFaults(): void {
    for (const fault of this.#faults) {
      fault.remove();
    }
    this.#faults.clear();
  }
}
