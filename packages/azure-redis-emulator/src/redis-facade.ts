import { isIP } from "node:net";
import type {
  ActiveFault,
  CertificateInit,
  EmulatorEvent,
  FailoverOptions,
  MaintenanceEvent,
  RedisGateway,
  RedisNode,
} from "./api.js";
import {
  type CertificateAndKey,
  type CertificateAuthority,
  createCertificateAuthority,
} from "./certificates/certificate-authority.js";
import { assertNode, Failovers } from "./failover.js";
import type { AccessKey } from "./gateway/access-key.js";
import type { Gateway } from "./gateway/gateway.js";
import { MAINTENANCE_CHANNEL, maintenanceMessage } from "./maintenance.js";
import type { Announcement, RedisBackend } from "./redis-server/redis-server.js";
import { HOST_NAME, RunningNode } from "./running-node.js";

export interface RedisFacadeOptions {
  readonly gateway: Gateway;
  readonly backend: RedisBackend;
  readonly announcement: Announcement;
  readonly certificates: CertificateAuthority;
  readonly accessKey?: AccessKey;
  now(): number;
  onEvent(event: EmulatorEvent): void;
}

/** The gateway and the servers behind it as one, as users of the emulator see them. */
export class RedisFacade implements RedisGateway {
  readonly host = HOST_NAME;
  readonly nodes: readonly RedisNode[];
  readonly #options: RedisFacadeOptions;
  readonly #gateway: Gateway;
  readonly #backend: RedisBackend;
  readonly #failovers: Failovers | undefined;
  readonly #faults = new Set<ActiveFault>();
  /** Ends when nothing changes the servers any more. */
  #changing: Promise<unknown> = Promise.resolve();
  #restarting: Promise<void> | undefined;

  constructor(options: RedisFacadeOptions) {
    const { gateway, backend } = options;
    this.#options = options;
    this.#gateway = gateway;
    this.#backend = backend;
    this.nodes = backend.servers.map(
      (server, index) =>
        new RunningNode({ server, index, port: gateway.nodes[index]!.port, cluster: backend.cluster }),
    );
    if (backend.cluster !== undefined) {
      this.#failovers = new Failovers({
        ...options,
        cluster: backend.cluster,
        hostName: HOST_NAME,
        publishMaintenance: (event) => this.publishMaintenance(event),
      });
    }
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

  get accessKey(): string | undefined {
    return this.#options.accessKey?.reveal();
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
    this.#restarting ??= this.#inTurn(() => this.#backend.restart()).finally(() => {
      this.#restarting = undefined;
    });
    return this.#restarting;
  }

  async failover(
    options: FailoverOptions = {},
  ): Promise<{ readonly from: RedisNode; readonly to: RedisNode }> {
    const { from, to } = await this.#inTurn(() => this.#clustersFailovers().failover(options));
    return { from: this.nodes[from]!, to: this.nodes[to]! };
  }

  async revive(node: number): Promise<void> {
    await this.#inTurn(() => this.#clustersFailovers().revive(node));
  }

  async useCertificate(node: number, init: readonly string[] | CertificateInit | null): Promise<void> {
    assertNode(node, this.nodes.length);
    this.#gateway.useCertificate(node, init === null ? null : await this.#issue(init));
  }

  async #issue(init: readonly string[] | CertificateInit): Promise<CertificateAndKey> {
    const { names = [HOST_NAME], state } = isNames(init) ? { names: init } : init;
    switch (state) {
      case undefined:
        return this.#options.certificates.issue(dnsNames(names));
      case "expired":
        return this.#options.certificates.issue(dnsNames(names), "past");
      case "notYetValid":
        return this.#options.certificates.issue(dnsNames(names), "future");
      case "untrusted":
        return (await createCertificateAuthority()).issue(dnsNames(names));
      default:
        throw new RangeError(
          `"state" must be "expired", "notYetValid" or "untrusted"; got ${JSON.stringify(state)}.`,
        );
    }
  }

  setOutdatedTls(version: "TLSv1" | "TLSv1.1" | null): void {
    if (version !== null && version !== "TLSv1" && version !== "TLSv1.1") {
      throw new RangeError(`"version" must be "TLSv1", "TLSv1.1" or null; got ${JSON.stringify(version)}.`);
    }
    this.#gateway.useOutdatedTls(version);
  }

  setEntraId(enabled: boolean): void {
    this.#gateway.setEntraId(enabled);
  }

  setMaxClients(count: number | null): void {
    this.#gateway.setMaxClients(count);
  }

  async publishMaintenance(event: MaintenanceEvent): Promise<void> {
    const { node = 0 } = event;
    assertNode(node, this.nodes.length);
    const { role, port, announced } = this.nodes[node]!;
    const { plaintextPort } = this.#gateway.nodes[node]!;
    const message = maintenanceMessage(event, { role, port, announced, plaintextPort }, this.#options.now());
    // One node is enough: a cluster passes messages on to all of its nodes.
    const publisher = this.#backend.servers.find(
      ({ isRunning }, index) => isRunning && this.nodes[index]!.role === "master",
    );
    if (publisher === undefined) throw new Error("No master runs that could publish it.");
    await publisher.command("PUBLISH", MAINTENANCE_CHANNEL, message);
  }

  injectFault(...[fault, scope]: Parameters<RedisGateway["injectFault"]>): ActiveFault {
    const active = this.#gateway.injectFault(fault, scope);
    this.#faults.add(active);
    return active;
  }

  injectConnectionFault(...[fault, scope]: Parameters<RedisGateway["injectConnectionFault"]>): ActiveFault {
    if (scope?.node !== undefined) assertNode(scope.node, this.nodes.length);
    const active = this.#gateway.injectConnectionFault(fault, scope);
    this.#faults.add(active);
    return active;
  }

  clearFaults(): void {
    for (const fault of this.#faults) {
      fault.remove();
    }
    this.#faults.clear();
  }

  #clustersFailovers(): Failovers {
    if (this.#failovers === undefined) {
      throw new Error(
        "There is no cluster whose nodes could fail over. Start the emulator with `redis.cluster` and `replicas`.",
      );
    }
    return this.#failovers;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(change);
    this.#changing = changed.catch(() => undefined);
    return changed;
  }
}

function isNames(init: readonly string[] | CertificateInit): init is readonly string[] {
  return Array.isArray(init);
}

function dnsNames(names: readonly string[]): readonly [string, ...string[]] {
  const [first, ...others] = names;
  if (first === undefined || names.some((name) => typeof name !== "string" || !isDnsName(name))) {
    throw new RangeError(
      `"names" must be DNS names, at least one, such as "other.example"; got ${JSON.stringify(names)}.`,
    );
  }
  return [first, ...others];
}

/** Letters, digits and hyphens between dots, and a wildcard in front. */
function isDnsName(name: string): boolean {
  return /^(\*\.)?[a-z\d]([a-z\d-]*[a-z\d])?(\.[a-z\d]([a-z\d-]*[a-z\d])?)*$/i.test(name) && isIP(name) === 0;
}
