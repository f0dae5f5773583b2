import { systemClock } from "../../core/clock.js";
import { invalidOption, PasswordlessError } from "../../core/errors.js";
import type { Identity } from "../../reauth/identity.js";
import { probeLogin } from "../../reauth/probe.js";
import type { Prove } from "../../reauth/proof.js";
import { type AddressMap, isAddress, verifiedAs } from "../../topology/address-map.js";
import { nodeAddressMap } from "../../topology/client-forms.js";
import { assertEncrypted } from "../plaintext.js";
import { assertSettings, type InnerSettings, type PasswordlessSettings } from "../settings.js";
import { assertClient, attachTo, attachToPool, isPool } from "./attach.js";
import { attachToCluster, isCluster } from "./attach-cluster.js";
import { assertAddressInPlace, dialerOf, type Endpoint, endpointOf } from "./endpoint.js";
import { CredentialsProvider } from "./provider.js";
import { reconnectStrategy } from "./reconnect.js";
import type {
  AttachableClient,
  ClientOptions,
  ReconnectStrategy,
  SocketOptions,
  StreamingCredentialsProvider,
} from "./structural.js";

type WithProvider<O> = O & { credentialsProvider: StreamingCredentialsProvider };

interface ClusterOptions {
  readonly rootNodes?: readonly ClientOptions[];
  readonly defaults?: ClientOptions;
  readonly nodeAddressMap?: unknown;
  readonly RESP?: 2 | 3;
}

interface SentinelOptions {
  readonly sentinelRootNodes?: readonly { readonly host?: string; readonly port?: number }[];
  readonly nodeClientOptions?: ClientOptions;
  readonly RESP?: 2 | 3;
}

/**
 * The node-redis adapter. When the caller does not say it, `defaultIdentity` says who logs in, and `addressMapFor`
 * where the nodes of a cluster are reached whose first node has this name.
 */
export class NodeRedisAdapter {
  readonly #defaultIdentity: () => Identity;
  readonly #addressMapFor: (name: string) => AddressMap;

  constructor(defaultIdentity: () => Identity, addressMapFor: (name: string) => AddressMap = verifiedAs) {
    this.#defaultIdentity = defaultIdentity;
    this.#addressMapFor = addressMapFor;
  }

  client<const O extends object>(
    options: O,
    settings: PasswordlessSettings = {},
    inner: InnerSettings = {},
  ): WithProvider<O> {
    assertSettings(settings);
    const own = checkedOptions(options, "");
    const endpoint = endpointOf(own);
    assertEncrypted(endpoint, settings.allowPlaintext ?? false);
    const provider = this.#provider([endpoint], settings, inner);
    return { ...options, ...this.#additions(own, provider) };
  }

  cluster<const O extends object>(
    options: O,
    settings: PasswordlessSettings = {},
    inner: InnerSettings = {},
  ): O {
    assertSettings(settings);
    assertObject(options, "options");
    const { rootNodes, defaults = {}, nodeAddressMap: ownMap, RESP } = options as ClusterOptions;
    assertProtocol(RESP, "RESP");
    if (!Array.isArray(rootNodes) || rootNodes.length === 0) {
      throw invalidOption(
        "rootNodes",
        'a list of at least one node, such as `{ url: "rediss://host:port" }`',
      );
    }
    const own = checkedOptions(defaults, "defaults.");
    const endpoints = rootNodes.map((node: unknown, index) => {
      const root = checkedOptions(node, `rootNodes[${index}].`);
      return endpointOf({ ...root, socket: { ...own.socket, ...root.socket } }, `rootNodes[${index}].`);
    });
    for (const endpoint of endpoints) assertEncrypted(endpoint, settings.allowPlaintext ?? false);
    if (ownMap !== undefined && settings.addressMap !== undefined) {
      throw invalidOption(
        "nodeAddressMap",
        "nothing where the setting `addressMap` is given: keep one of them",
      );
    }
    const provider = this.#provider(endpoints, settings, inner);
    const additions = this.#additions(own, provider);
    // The nodes that the cluster announces are reached with `defaults` only: encrypted, if the root nodes are.
    const isEncrypted = endpoints.some((endpoint) => endpoint.isEncrypted);
    if (isEncrypted && own.socket?.tls === false) {
      throw invalidOption(
        "defaults.socket.tls",
        "`true`, or nothing, when root nodes are encrypted: all other nodes are reached with it",
        false,
      );
    }
    const tls = isEncrypted ? { tls: true } : {};
    const map = ownMap === undefined ? this.#addressMap(endpoints, own, settings) : undefined;
    return {
      ...options,
      ...(map === undefined ? {} : { nodeAddressMap: nodeAddressMap(map) }),
      defaults: { ...own, ...additions, socket: { ...tls, ...additions.socket } },
    };
  }

  sentinel<const O extends object>(options: O, settings: PasswordlessSettings = {}): O {
    assertSettings(settings);
    assertObject(options, "options");
    const { sentinelRootNodes, nodeClientOptions = {}, RESP } = options as SentinelOptions;
    assertProtocol(RESP, "RESP");
    if (!Array.isArray(sentinelRootNodes) || sentinelRootNodes.length === 0) {
      throw invalidOption("sentinelRootNodes", "a list of at least one sentinel `{ host, port }`");
    }
    const own = checkedOptions(nodeClientOptions, "nodeClientOptions.");
    const endpoints = sentinelRootNodes.map((node: { host?: string; port?: number }, index) =>
      endpointOf({ socket: { ...own.socket, ...node } }, `sentinelRootNodes[${index}].`),
    );
    for (const endpoint of endpoints) assertEncrypted(endpoint, settings.allowPlaintext ?? false);
    // The sentinels tell where the data is; a new token is tried on one of the data connections instead.
    const provider = this.#provider(endpoints, settings, { canProbe: false });
    // node-redis 5 does not pass `RESP` on to its subscriber, which could then not log in again.
    const protocol = RESP === undefined ? {} : { RESP };
    return { ...options, nodeClientOptions: { ...protocol, ...own, ...this.#additions(own, provider) } };
  }

  attach<C>(client: C, settings: PasswordlessSettings = {}): C {
    assertSettings(settings);
    if (typeof client === "object" && client !== null && isCluster(client)) {
      attachToCluster(client, systemClock);
      return client;
    }
    assertClient(client);
    const attachOne = (one: AttachableClient): void => attachTo(one, this.#providerOf(one, settings));
    if (isPool(client)) attachToPool(client, attachOne);
    else attachOne(client);
    return client;
  }

  /** The provider in a client's options; put there now when the client was made without one. */
  #providerOf(client: AttachableClient, settings: PasswordlessSettings): CredentialsProvider {
    const { options } = client;
    if (options === undefined) throw invalidOption("client", "a client made with options");
    if (options.credentialsProvider instanceof CredentialsProvider) return options.credentialsProvider;
    const own = checkedOptions(options, "");
    // node-redis has taken the address out of `url` by now; what it found is in `socket`.
    const endpoint = endpointOf(own.socket === undefined ? {} : { socket: own.socket });
    assertEncrypted(endpoint, settings.allowPlaintext ?? false);
    const provider = this.#provider([endpoint], settings);
    options.credentialsProvider = provider;
    return provider;
  }

  /** The caller's, or one for certificates that cover names only. */
  #addressMap(
    endpoints: readonly Endpoint[],
    { socket }: ClientOptions,
    settings: PasswordlessSettings,
  ): AddressMap | undefined {
    if (settings.addressMap !== undefined) return settings.addressMap;
    // Who names what is to be verified has found a way already.
    if (socket !== undefined && ("servername" in socket || "checkServerIdentity" in socket)) return undefined;
    const encrypted = endpoints.filter((endpoint) => endpoint.isEncrypted);
    const name = encrypted.map(({ socket: { host } }) => host).find((host) => host && !isAddress(host));
    return name === undefined ? undefined : this.#addressMapFor(name);
  }

  #provider(
    endpoints: readonly Endpoint[],
    settings: PasswordlessSettings,
    { canProbe = true, topology }: { readonly canProbe?: boolean } & InnerSettings = {},
  ): CredentialsProvider {
    const identity = settings.identity ?? this.#defaultIdentity();
    const label = endpoints.map((endpoint) => endpoint.label).join(", ");
    const key = `node-redis ${label} ${endpoints.map((endpoint) => endpoint.isEncrypted).join()} ${canProbe}`;
    const reauthenticator = identity.reauthenticator(key, () => ({
      label,
      ...(canProbe ? { prove: proverOf(endpoints) } : {}),
    }));
    const isEncrypted = endpoints.some((endpoint) => endpoint.isEncrypted);
    return new CredentialsProvider(reauthenticator, label, {
      plaintextTo: isEncrypted || settings.allowPlaintext === true ? "anywhere" : "thisMachine",
      isEncrypted,
      ...(topology === undefined ? {} : { topology: { check: topology, dial: dialerOf(endpoints[0]!) } }),
    });
  }

  #additions(
    options: ClientOptions,
    provider: CredentialsProvider,
  ): { credentialsProvider: CredentialsProvider; socket: SocketOptions } {
    const own: ReconnectStrategy | undefined = options.socket?.reconnectStrategy;
    return {
      credentialsProvider: provider,
      socket: { ...options.socket, reconnectStrategy: reconnectStrategy(provider, own) },
    };
  }
}

/** Tries a token at these servers; the first verdict counts, and servers that cannot be asked have none. */
function proverOf(endpoints: readonly Endpoint[]): Prove {
  return async (token, signal) => {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    const verdicts = endpoints.map((endpoint) =>
      verdictOf(probeLogin(dialerOf(endpoint), endpoint.label, token, either)),
    );
    try {
      const refusal = await Promise.any(verdicts);
      if (refusal !== undefined) throw refusal;
    } catch (error) {
      throw error instanceof AggregateError ? error.errors[0] : error;
    } finally {
      done.abort(new Error("another server has answered"));
    }
  };
}

/** Resolves with the refusal, or with nothing; rejects when the server could not be asked. */
async function verdictOf(login: Promise<void>): Promise<PasswordlessError | undefined> {
  try {
    await login;
    return undefined;
  } catch (error) {
    if (PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_AUTH_REFUSED") return error;
    throw error;
  }
}

/** Rejects options that would compete with the identity. */
function checkedOptions(options: unknown, prefix: string): ClientOptions {
  assertObject(options, prefix === "" ? "options" : prefix.slice(0, -1));
  const own: ClientOptions = options;
  if (own.socket !== undefined) assertObject(own.socket, `${prefix}socket`);
  for (const name of ["username", "password", "credentialsProvider"] as const) {
    if (own[name] === undefined) continue;
    throw invalidOption(
      `${prefix}${name}`,
      "nothing: the identity logs in. Remove it, or do without this library",
    );
  }
  assertAddressInPlace(own, prefix);
  assertProtocol(own.RESP, `${prefix}RESP`);
  return own;
}

function assertProtocol(version: unknown, option: string): void {
  if (version !== undefined && version !== 2 && version !== 3) throw invalidOption(option, "2 or 3", version);
}

function assertObject(value: unknown, option: string): asserts value is object {
  if (typeof value !== "object" || value === null) throw invalidOption(option, "an object", value);
}
