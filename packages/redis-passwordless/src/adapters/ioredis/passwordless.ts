import { invalidOption, PasswordlessError } from "../../core/errors.js";
import type { Facts } from "../../explain/facts.js";
import type { Identity } from "../../reauth/identity.js";
import { type AddressMap, isAddress, verifiedAs } from "../../topology/address-map.js";
import { assertEncrypted } from "../plaintext.js";
import { assertSettings, type InnerSettings, type PasswordlessSettings } from "../settings.js";
import { attachTo } from "./attach.js";
import { equipClusterSubscriber } from "./cluster-subscriber.js";
import { connectorClass, isEquipped, LoginDesk, type LoginDeskOptions } from "./connector.js";
import { assertOptions, optionsFromUrl, sentinelLabel, targetOf, withTls } from "./endpoint.js";
import type { Client, ClientOptions, ClusterClient, ClusterNode, ConnectorClass } from "./structural.js";

/** A class of clients for one server, or for a cluster. */
export type ClientClass = abstract new (...args: never) => object;

/**
 * The ioredis adapter. When the caller does not say it, `defaultIdentity` says who logs in, and `addressMapFor` where
 * the nodes of a cluster are reached whose first node has this name.
 */
export class IoRedisAdapter {
  readonly #defaultIdentity: () => Identity;
  readonly #addressMapFor: (name: string) => AddressMap;

  constructor(defaultIdentity: () => Identity, addressMapFor: (name: string) => AddressMap = verifiedAs) {
    this.#defaultIdentity = defaultIdentity;
    this.#addressMapFor = addressMapFor;
  }

  redis<C extends ClientClass>(
    Redis: C,
    input: string | object,
    settings: PasswordlessSettings = {},
    inner: InnerSettings = {},
  ): InstanceType<C> {
    assertRedisClass(Redis);
    const options = this.#equip(input, settings, inner, Redis);
    return new (Redis as unknown as new (options: object) => InstanceType<C>)(options);
  }

  options<O extends object>(
    options: O,
    settings: PasswordlessSettings = {},
    inner: InnerSettings = {},
  ): O & { readonly Connector: never } {
    return this.#equip(options, settings, inner) as O & { readonly Connector: never };
  }

  cluster<C extends ClientClass>(
    Cluster: C,
    nodes: readonly unknown[],
    options: object = {},
    settings: PasswordlessSettings = {},
    inner: InnerSettings = {},
  ): InstanceType<C> {
    assertSettings(settings);
    assertClusterClass(Cluster);
    const roots = rootsOf(nodes);
    const { redisOptions = {} } = options as { redisOptions?: object };
    assertOptions(options, "options.");
    assertOptions(redisOptions, "options.redisOptions.");
    const shared = withTlsForAll(redisOptions, roots);
    for (const root of roots) {
      assertEncrypted(targetOf({ ...shared, ...root }), settings.allowPlaintext ?? false);
    }
    const label = roots.map((root) => targetOf(root).label).join(", ");
    const desk = this.#desk(label, settings, { ...inner, addressMap: this.#addressMap(settings, roots) });
    const Connector = connectorClass(desk);
    const cluster = new (
      Cluster as unknown as new (
        nodes: readonly unknown[],
        options: object,
      ) => InstanceType<C>
    )(nodes, {
      ...(shared.tls ? { dnsLookup: keepName } : {}),
      ...options,
      redisOptions: { ...shared, Connector },
    });
    equipCluster(cluster, desk);
    return cluster;
  }

  attach<T extends object>(client: T, settings: PasswordlessSettings = {}): T {
    assertSettings(settings);
    if (isCluster(client)) this.#attachCluster(client, settings);
    else {
      assertClient(client);
      this.#attachClient(client, settings);
    }
    return client;
  }

  #attachClient(client: Client, settings: PasswordlessSettings): void {
    const { options } = client;
    if (isEquipped(options)) return;
    assertOptions(options, "client.options.");
    const isSentinel = Boolean(options.sentinels);
    const target = targetOf(options);
    if (!isSentinel) assertEncrypted(target, settings.allowPlaintext ?? false);
    attachTo(client, this.#desk(isSentinel ? sentinelLabel(options) : target.label, settings));
  }

  #attachCluster(cluster: ClusterClient, settings: PasswordlessSettings): void {
    const { redisOptions = {} } = cluster.options;
    if (isEquipped(redisOptions)) return;
    assertOptions(redisOptions, "client.options.redisOptions.");
    const nodes = cluster.nodes("all");
    for (const { options } of nodes) {
      assertOptions(options, "client.options.");
      assertEncrypted(targetOf(options), settings.allowPlaintext ?? false);
    }
    const label = nodes.map(({ options }) => targetOf(options).label).join(", ");
    const roots = nodes.map(({ options }) => options);
    const desk = this.#desk(label === "" ? "the cluster" : label, settings, {
      addressMap: this.#addressMap(settings, roots),
    });
    // The pool of connections keeps the object that it was made with.
    Object.assign(redisOptions, { Connector: connectorClass(desk) });
    cluster.options.redisOptions = redisOptions;
    for (const node of nodes) attachTo(node, desk);
    // Emitted before the node connects.
    cluster.on("+node", (node: Client) => {
      if (!isEquipped(node.options)) attachTo(node, desk);
    });
    equipCluster(cluster, desk);
  }

  #equip(
    input: string | object,
    settings: PasswordlessSettings,
    inner: InnerSettings,
    Redis?: ClientClass,
  ): object {
    assertSettings(settings);
    const given = typeof input === "string" ? optionsFromUrl(input, "options") : input;
    assertOptions(given);
    const { sentinels } = given;
    const Sentinel = sentinels === undefined ? undefined : sentinelClass(Redis);
    const options = Sentinel === undefined ? withTls(given) : given;
    const target = targetOf(options);
    if (Sentinel === undefined) assertEncrypted(target, settings.allowPlaintext ?? false);
    const label = Sentinel === undefined ? target.label : sentinelLabel(options);
    return { ...options, Connector: connectorClass(this.#desk(label, settings, inner), Sentinel) };
  }

  #addressMap(settings: PasswordlessSettings, roots: readonly ClientOptions[]): AddressMap | undefined {
    const name = nameIn(roots);
    return settings.addressMap ?? (name === undefined ? undefined : this.#addressMapFor(name));
  }

  #desk(
    label: string,
    settings: PasswordlessSettings,
    rest: Omit<LoginDeskOptions, "allowPlaintext"> = {},
  ): LoginDesk {
    const identity = settings.identity ?? this.#defaultIdentity();
    const allowPlaintext = settings.allowPlaintext ?? false;
    const reauthenticator = identity.reauthenticator(`ioredis ${label}`, () => ({ label }));
    return new LoginDesk(reauthenticator, { ...rest, allowPlaintext });
  }
}

/** What a cluster makes by itself: its subscriber now, its duplicates later. */
function equipCluster(cluster: ClusterClient, desk: LoginDesk): void {
  equipClusterSubscriber(cluster, desk);
  const duplicate = cluster.duplicate.bind(cluster);
  cluster.duplicate = (...args) => {
    const copy = duplicate(...args);
    equipCluster(copy, desk);
    return copy;
  };
}

/** The nodes that a cluster begins with, as options. */
function rootsOf(nodes: readonly unknown[]): ClientOptions[] {
  if (!Array.isArray(nodes) || nodes.length === 0) {
    throw invalidOption("nodes", "a list of at least one node, such as `{ host, port }`", nodes);
  }
  return nodes.map((node: ClusterNode, index) => {
    const name = `nodes[${index}]`;
    if (typeof node === "number") return { port: node };
    if (typeof node === "string") return optionsFromUrl(node, name);
    assertOptions(node, `${name}.`);
    return node;
  });
}

/** The first host that is a name: nodes may be announced by addresses, which their certificates do not cover. */
function nameIn(roots: readonly ClientOptions[]): string | undefined {
  return roots.map(({ host }) => host).find((host) => host !== undefined && !isAddress(host));
}

/** All nodes of a cluster are reached as its first ones are. */
function withTlsForAll(redisOptions: ClientOptions, roots: readonly ClientOptions[]): ClientOptions {
  if (redisOptions.tls !== undefined) return redisOptions;
  const needsTls = roots.some((root) => withTls(root).tls !== undefined && withTls(root).tls !== null);
  return needsTls ? { ...redisOptions, tls: {} } : redisOptions;
}

/** ioredis looks up the first nodes itself and goes on with their addresses, which no certificate covers. */
function keepName(address: string, callback: (error: null, address: string) => void): void {
  callback(null, address);
}

function sentinelClass(Redis: ClientClass | undefined): ConnectorClass {
  const { SentinelConnector } = (Redis ?? {}) as { SentinelConnector?: ConnectorClass };
  if (SentinelConnector !== undefined) return SentinelConnector;
  throw invalidOption(
    "options.sentinels",
    "a list only where your class is given too: `passwordless(Redis, { sentinels, name })`",
  );
}

/**
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_CLIENT_UNSUPPORTED`
 */
function assertRedisClass(Redis: unknown): void {
  const prototype = prototypeOf(Redis);
  if ("nodes" in prototype) {
    throw unsupported(
      "client-class-unknown",
      "The class given is `Cluster`",
      "Use `passwordless(Cluster, nodes, options)`.",
    );
  }
  assertModern(prototype, "mode");
}

function assertClusterClass(Cluster: unknown): void {
  const prototype = prototypeOf(Cluster);
  if (!("nodes" in prototype)) {
    throw unsupported(
      "client-class-unknown",
      "The class given is no `Cluster`",
      "Use `passwordless(Redis, options)` for one server.",
    );
  }
  assertModern(prototype, "createScanStream");
}

function prototypeOf(Class: unknown): object {
  const prototype: unknown = typeof Class === "function" ? Class.prototype : undefined;
  if (typeof prototype === "object" && prototype !== null && "sendCommand" in prototype) return prototype;
  throw unsupported(
    "client-class-unknown",
    "The class given is not `Redis` or `Cluster` of ioredis or iovalkey",
    'Use `import { Redis } from "ioredis"`, 5 or later, or `from "iovalkey"`.',
  );
}

/** Members that came with ioredis 5: `mode` of a client, `createScanStream` of a cluster. */
function assertModern(prototype: object, member: string): void {
  if (member in prototype) return;
  throw unsupported(
    "client-too-old",
    "This version of ioredis is too old",
    "Use ioredis 5 or later, or iovalkey.",
  );
}

function isCluster(client: object): client is ClusterClient {
  return (client as { isCluster?: unknown }).isCluster === true;
}

function assertClient(client: object): asserts client is Client {
  const { options, status, mode } = client as Partial<Client>;
  if (typeof options === "object" && typeof status === "string" && typeof mode === "string") return;
  throw unsupported(
    "client-not-attachable",
    "This is no client of ioredis 5, ioredis 6 or iovalkey",
    "Give `attach` what `new Redis()` or `new Cluster()` returns.",
  );
}

/** Each of them is a rule of `explain/`. */
const PROBLEMS = {
  "client-class-unknown": "unknownClass",
  "client-not-attachable": "notAttachable",
  "client-too-old": "tooOld",
} as const satisfies Record<string, Facts["clientProblem"]>;

function unsupported(rule: keyof typeof PROBLEMS, message: string, remedy: string): PasswordlessError {
  return new PasswordlessError("ERR_PASSWORDLESS_CLIENT_UNSUPPORTED", {
    message: `${message}.`,
    remedy,
    rule,
    details: { clientProblem: PROBLEMS[rule] },
  });
}
