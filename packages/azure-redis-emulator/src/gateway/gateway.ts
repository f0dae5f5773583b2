import { randomBytes } from "node:crypto";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { AccessPolicy, ActiveFault, EmulatorEvent, LoginFault } from "../api.js";
import { isOpenToAnybody, type RedisServer } from "../redis-server/redis-server.js";
import { type AclCredentials, AclUsers } from "./acl-users.js";
import { GatewayConnection } from "./connection.js";
import { LoginDesk, type LoginVerdict } from "./login-desk.js";
import { type LoginFaultScope, LoginFaults } from "./login-faults.js";

export type { AclCredentials, LoginVerdict };

export interface GatewayOptions {
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly host: "127.0.0.1";
  /** Port of the TLS listener; default a free one. */
  readonly port?: number;
  readonly server: RedisServer;
  /** Connections that send nothing for so long are closed; 0 for never. */
  readonly idleTimeoutMs: number;
  /** Decides whose token it is. A rejection counts as a refusal. */
  verifyLogin(username: string, token: string): Promise<LoginVerdict>;
  /** The time by which tokens end, in epoch milliseconds. It may jump. */
  now(): number;
  onEvent(event: EmulatorEvent): void;
}

export interface Gateway {
  readonly host: string;
  /** TLS. */
  readonly port: number;
  /** Without TLS: here every login is refused. */
  readonly plaintextPort: number;
  readonly connectionCount: number;
  /** Breaks connections now, all or those of one identity; returns how many. */
  killConnections(filter?: { readonly objectId?: string }): number;
  injectFault(fault: LoginFault, scope?: LoginFaultScope): ActiveFault;
  /**
   * Gives an identity an access policy, changes it on open connections too, or takes it away (`null`).
   *
   * @throws {Error} with the server's text when the policy is no valid ACL string.
   */
  applyAccessPolicy(objectId: string, policy: AccessPolicy | null): Promise<AclCredentials | undefined>;
  credentialsOf(objectId: string): AclCredentials | undefined;
  /** Stops listening and breaks every connection. The server stays. */
  close(): Promise<void>;
}

/**
 * How often connections are looked at for the end of their token or their idle time. It is a poll because the
 * emulator's clock jumps when a test moves it.
 */
const SWEEP_MS = 20;

/**
 * Starts the listeners that stand in front of a real Redis as Azure does: logins are checked and rewritten, all
 * other bytes pass unchanged, and connections end with their token.
 *
 * @throws {Error} when anybody can use the server without a password.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  if (await isOpenToAnybody(options.server)) {
    throw new Error(
      `The Redis server at ${options.server.host}:${options.server.port} lets everybody in without a password. ` +
        "Give its default user one (`requirepass`), so that a login means something.",
    );
  }
  const gateway = new RedisGatewayServer(options);
  await gateway.listen();
  return gateway;
}

class RedisGatewayServer implements Gateway {
  readonly #options: GatewayOptions;
  readonly #users: AclUsers;
  readonly #faults = new LoginFaults();
  readonly #desk: LoginDesk;
  readonly #secure: Server;
  readonly #plaintext: Server;
  readonly #connections = new Set<GatewayConnection>();
  /** Sockets whose TLS handshake is not done are no connections yet, but must not outlive the gateway. */
  readonly #sockets = new Set<Socket>();
  readonly #sweeper: NodeJS.Timeout;
  #lastId = 0;
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#users = new AclUsers(options.server);
    this.#desk = new LoginDesk({
      faults: this.#faults,
      wrongPassword: `refused-${randomBytes(12).toString("hex")}`,
      verifyLogin: (username, token) => options.verifyLogin(username, token),
    });
    const { cert, key } = options.tls;
    const secure = createTlsServer({ cert, key, minVersion: "TLSv1.2", allowHalfOpen: true });
    secure.on("secureConnection", (socket) => this.#accept(socket, true));
    this.#secure = secure;
    this.#plaintext = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket, false));
    for (const server of [this.#secure, this.#plaintext]) {
      server.on("connection", (socket) => {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket));
      });
    }
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  async listen(): Promise<void> {
    try {
      await Promise.all([
        listen(this.#secure, this.host, this.#options.port ?? 0),
        listen(this.#plaintext, this.host, 0),
      ]);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get host(): string {
    return this.#options.host;
  }

  get port(): number {
    return portOf(this.#secure);
  }

  get plaintextPort(): number {
    return portOf(this.#plaintext);
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  killConnections(filter: { readonly objectId?: string } = {}): number {
    const { objectId } = filter;
    const victims = [...this.#connections].filter(
      (connection) => objectId === undefined || connection.objectId === objectId,
    );
    for (const connection of victims) connection.close("killed");
    return victims.length;
  }

  injectFault(fault: LoginFault, scope?: LoginFaultScope): ActiveFault {
    return this.#faults.inject(fault, scope);
  }

  applyAccessPolicy(objectId: string, policy: AccessPolicy | null): Promise<AclCredentials | undefined> {
    return this.#users.apply(objectId, policy);
  }

  credentialsOf(objectId: string): AclCredentials | undefined {
    return this.#users.credentialsOf(objectId);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweeper);
    const closed = [this.#secure, this.#plaintext].map(
      (server) => new Promise((resolve) => server.close(resolve)),
    );
    for (const connection of this.#connections) connection.close("server");
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
    await this.#users.removeAll();
  }

  #accept(client: Socket, isEncrypted: boolean): void {
    const { server } = this.#options;
    const connection: GatewayConnection = new GatewayConnection({
      id: ++this.#lastId,
      client,
      backend: connect({ host: server.host, port: server.port, allowHalfOpen: true }),
      now: () => this.#options.now(),
      onEvent: (event) => this.#options.onEvent(event),
      decide: (login) => this.#desk.decide(login, isEncrypted),
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }

  #sweep(): void {
    const nowMs = this.#options.now();
    const { idleTimeoutMs } = this.#options;
    const idleSinceMs = idleTimeoutMs > 0 ? performance.now() - idleTimeoutMs : -Infinity;
    for (const connection of this.#connections) {
      if ((connection.expiresAtMs ?? Infinity) <= nowMs) connection.close("tokenExpired");
      else if (connection.lastActiveMs <= idleSinceMs) connection.close("idle");
    }
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
