import type { ActiveFault, RedisGateway } from "./api.js";
import type { Gateway } from "./gateway/gateway.js";
import type { RedisServer } from "./redis-server/redis-server.js";

/** The certificate covers this name only, so clients must connect by it. */
export const HOST_NAME = "localhost";

/** The gateway and the server behind it as one, as users of the emulator see them. */
export class RedisFacade implements RedisGateway {
  readonly host = HOST_NAME;
  readonly #gateway: Gateway;
  readonly #server: RedisServer;
  readonly #faults = new Set<ActiveFault>();

  constructor(gateway: Gateway, server: RedisServer) {
    this.#gateway = gateway;
    this.#server = server;
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
    return this.#server.adminUrl;
  }

  get server(): string {
    return this.#server.version;
  }

  get connectionCount(): number {
    return this.#gateway.connectionCount;
  }

  killConnections(filter: { readonly objectId?: string } = {}): number {
    return this.#gateway.killConnections(filter);
  }

  restart(): Promise<void> {
    return this.#server.restart();
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
