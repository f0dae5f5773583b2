import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { AccessPolicy, ActiveFault, ConnectionFault, EmulatorEvent, LoginFault } from "../api.js";
import { isOpenToAnybody, type RedisServer } from "../redis-server/redis-server.js";
import { ACCESS_KEY_ID, type AccessKey } from "./access-key.js";
import { type AclCredentials, AclUsers } from "./acl-users.js";
import { ClientLimit, refuseClient } from "./client-limit.js";
import { CommandRules, type Imitation, imitationAclRules } from "./command-rules.js";
import { GatewayConnection } from "./connection.js";
import { type ConnectionFaultScope, ConnectionFaults } from "./connection-faults.js";
import { connectToServer } from "./last-words.js";
import { LoginDesk, type LoginVerdict } from "./login-desk.js";
import { type LoginFaultScope, LoginFaults } from "./login-faults.js";
import { type NodeCertificate, NodeListeners, type OutdatedTlsVersion } from "./node-listeners.js";
import { ReplicaEntrance } from "./replica-entrance.js";

export type { AclCredentials, LoginVerdict };

export interface GatewayOptions {
  readonly tls: NodeCertificate;
  readonly host: "127.0.0.1";
  /** Port of the first TLS listener, those of further servers follow it; default free ones. */
  readonly port?: number;
  /** What it stands in front of: one server, or the nodes of a cluster, each behind ports of its own. */
  readonly servers: readonly RedisServer[];
  /** What the servers log in with at each other; without it none of them is another one's replica. */
  readonly replication?: { readonly user: string; readonly password: string };
  /** Which cache's limits it has; without it every command reaches the server. */
  readonly imitation?: Imitation;
  /** Logs in besides tokens. */
  readonly accessKey?: AccessKey;
  /** Connections that send nothing for so long are closed; 0 for never. */
  readonly idleTimeoutMs: number;
  /** Decides whose token it is. A rejection counts as a refusal. */
  verifyLogin(username: string, token: string): Promise<LoginVerdict>;
  /** The time by which tokens end, in epoch milliseconds. It may jump. */
  now(): number;
  onEvent(event: EmulatorEvent): void;
}

export interface GatewayNode {
  /** TLS. */
  readonly port: number;
  /** Without TLS: here every login is refused. */
  readonly plaintextPort: number;
}

/** All of it spans the nodes: the identities, the connections and their ids, the faults. */
export interface Gateway extends GatewayNode {
  readonly host: string;
  /** In the order of the servers; the gateway's own ports are those of the first. */
  readonly nodes: readonly GatewayNode[];
  readonly connectionCount: number;
  /** Breaks connections now, all or those of one identity; returns how many. */
  killConnections(filter?: { readonly objectId?: string }): number;
  injectFault(fault: LoginFault, scope?: LoginFaultScope): ActiveFault;
  injectConnectionFault(fault: ConnectionFault, scope?: ConnectionFaultScope): ActiveFault;
  /** Whether tokens log in; open connections are broken when it is switched off. */
  setEntraId(enabled: boolean): void;
  /** How many connections each node takes; `null` for any number. */
  setMaxClients(count: number | null): void;
  /**
   * Gives an identity an access policy, changes it on open connections too, or takes it away (`null`).
   *
   * @throws {Error} with the server's text when the policy is no valid ACL string.
   */
  applyAccessPolicy(objectId: string, policy: AccessPolicy | null): Promise<AclCredentials | undefined>;
  credentialsOf(objectId: string): AclCredentials | undefined;
  /** Breaks the connections to one node; returns how many. */
  disconnect(node: number): number;
  /** Stops listening in front of one node and breaks its connections. */
  closeNode(node: number): Promise<void>;
  /** Brings a server that has been started again up to date, and listens in front of it as before. */
  reopenNode(node: number): Promise<void>;
  /** Listens in front of one node on a further address too, at its port with TLS. */
  listenAlso(node: number, host: string): Promise<void>;
  /** Shows another certificate to whoever connects to one node from now on; `null` for the regular one. */
  useCertificate(node: number, certificate: NodeCertificate | null): void;
  /** Has every node speak nothing later than this version with whoever connects from now on. */
  useOutdatedTls(version: OutdatedTlsVersion | null): void;
  /** Stops listening and breaks every connection. The servers stay. */
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
 * @throws {Error} when anybody can use a server without a password.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  for (const server of options.servers) {
    if (!(await isOpenToAnybody(server))) continue;
    throw new Error(
      `The Redis server at ${server.host}:${server.port} lets everybody in without a password. ` +
        "Give its default user one (`requirepass`), so that a login means something.",
    );
  }
  const gateway = new RedisGatewayServer(options);
  await gateway.listen();
  return gateway;
}

class RedisGatewayServer implements Gateway {
  readonly nodes: readonly NodeListeners[];
  readonly #options: GatewayOptions;
  readonly #users: AclUsers;
  readonly #faults = new LoginFaults();
  readonly #connectionFaults = new ConnectionFaults();
  readonly #clientLimit = new ClientLimit();
  #isEntraIdEnabled = true;
  readonly #desk: LoginDesk;
  /** The connections, and to which node each is. */
  readonly #connections = new Map<GatewayConnection, NodeListeners>();
  readonly #sweeper: NodeJS.Timeout;
  #lastId = 0;
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    const { imitation, accessKey } = options;
    this.#users = new AclUsers(options.servers, imitation && imitationAclRules(imitation));
    this.#desk = new LoginDesk({
      faults: this.#faults,
      wrongPassword: `refused-${randomBytes(12).toString("hex")}`,
      isEntraIdEnabled: () => this.#isEntraIdEnabled,
      ...(accessKey && { accessKey }),
      accessKeyUser: () => this.#users.credentialsOf(ACCESS_KEY_ID),
      verifyLogin: (username, token) => options.verifyLogin(username, token),
    });
    this.nodes = options.servers.map((server, index) => {
      const { tls, replication } = options;
      const node: NodeListeners = new NodeListeners({
        tls,
        onClient: (socket, isEncrypted) => this.#accept(server, node, socket, isEncrypted),
        takeFault: (stage) => this.#connectionFaults.take(stage, index),
        ...(replication && { replicaEntrance: new ReplicaEntrance({ server, ...replication }) }),
      });
      return node;
    });
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  async listen(): Promise<void> {
    const { port: first = 0, accessKey } = this.#options;
    try {
      if (accessKey !== undefined) await this.#users.apply(ACCESS_KEY_ID, "Data Owner");
      // One after the other: whatever fails, none is left that is about to listen.
      for (const [index, node] of this.nodes.entries()) {
        await node.listen(this.host, first === 0 ? 0 : first + index);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get host(): string {
    return this.#options.host;
  }

  get port(): number {
    return this.nodes[0]!.port;
  }

  get plaintextPort(): number {
    return this.nodes[0]!.plaintextPort;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  killConnections(filter: { readonly objectId?: string } = {}): number {
    const { objectId } = filter;
    const victims = [...this.#connections.keys()].filter(
      (connection) => objectId === undefined || connection.objectId === objectId,
    );
    for (const connection of victims) connection.close("killed");
    return victims.length;
  }

  injectFault(fault: LoginFault, scope?: LoginFaultScope): ActiveFault {
    return this.#faults.inject(fault, scope);
  }

  injectConnectionFault(fault: ConnectionFault, scope?: ConnectionFaultScope): ActiveFault {
    return this.#connectionFaults.inject(fault, scope);
  }

  setEntraId(enabled: boolean): void {
    this.#isEntraIdEnabled = enabled;
    if (!enabled) this.killConnections();
  }

  setMaxClients(count: number | null): void {
    this.#clientLimit.set(count);
  }

  applyAccessPolicy(objectId: string, policy: AccessPolicy | null): Promise<AclCredentials | undefined> {
    return this.#users.apply(objectId, policy);
  }

  credentialsOf(objectId: string): AclCredentials | undefined {
    return this.#users.credentialsOf(objectId);
  }

  disconnect(node: number): number {
    const victims = [...this.#connections].filter(([, listeners]) => listeners === this.nodes[node]);
    for (const [connection] of victims) connection.close("server");
    return victims.length;
  }

  async closeNode(node: number): Promise<void> {
    this.disconnect(node);
    await this.nodes[node]!.close();
  }

  async reopenNode(node: number): Promise<void> {
    await this.#users.restore(this.#options.servers[node]!);
    if (this.#closing === undefined) await this.nodes[node]!.reopen();
  }

  async listenAlso(node: number, host: string): Promise<void> {
    await this.nodes[node]!.listenAlso(host);
  }

  useCertificate(node: number, certificate: NodeCertificate | null): void {
    this.nodes[node]!.useCertificate(certificate ?? this.#options.tls);
  }

  useOutdatedTls(version: OutdatedTlsVersion | null): void {
    for (const node of this.nodes) node.useOutdatedTls(version);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweeper);
    for (const connection of this.#connections.keys()) connection.close("server");
    await Promise.all(this.nodes.map((node) => node.close()));
    for (const node of this.nodes) node.giveUpPorts();
    await this.#users.removeAll();
  }

  #accept(server: RedisServer, node: NodeListeners, client: Socket, isEncrypted: boolean): void {
    const connected = (): number => [...this.#connections.values()].filter((other) => other === node).length;
    if (this.#clientLimit.isReachedBy(connected)) {
      refuseClient(client);
      return;
    }
    const connection: GatewayConnection = new GatewayConnection({
      id: ++this.#lastId,
      client,
      backend: connectToServer(server.port, server.host),
      ...(this.#options.imitation && { rules: new CommandRules(this.#options.imitation) }),
      now: () => this.#options.now(),
      onEvent: (event) => this.#options.onEvent(event),
      decide: (login) => this.#desk.decide(login, isEncrypted),
      onClosed: () => this.#connections.delete(connection),
    });
    this.#connections.set(connection, node);
  }

  #sweep(): void {
    const nowMs = this.#options.now();
    const { idleTimeoutMs } = this.#options;
    const idleSinceMs = idleTimeoutMs > 0 ? performance.now() - idleTimeoutMs : -Infinity;
    for (const connection of this.#connections.keys()) {
      if ((connection.expiresAtMs ?? Infinity) <= nowMs) connection.close("tokenExpired");
      else if (connection.lastActiveMs <= idleSinceMs) connection.close("idle");
    }
  }
}
