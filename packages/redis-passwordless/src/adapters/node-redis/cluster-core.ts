import { PasswordlessError } from "../../core/errors.js";

/** A connection of a cluster to one of its nodes. */
export interface NodeClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  destroy(): void;
  close(): Promise<unknown>;
  on(event: string, listener: (...args: never[]) => void): unknown;
  listenerCount(event: string): number;
  /** Internal: what waits for its reply or to be sent. */
  _getQueue?(): { flushAll?(error: Error): void; isEmpty?(): boolean };
  getPubSubListeners?(type: "CHANNELS" | "PATTERNS" | "SHARDED"): ReadonlyMap<string, ChannelListeners>;
  extendPubSubChannelListeners?(type: "SHARDED", channel: string, listeners: ChannelListeners): unknown;
}

export interface ChannelListeners {
  readonly buffers: ReadonlySet<unknown>;
  readonly strings: ReadonlySet<unknown>;
}

export interface ClusterNode {
  /** As the cluster announces it. */
  readonly address: string;
  client?: NodeClient | undefined;
  readonly connectPromise?: Promise<unknown> | undefined;
  readonly pubSub?: { readonly client: NodeClient } | undefined;
}

/** The connection of a cluster that has its subscriptions, but for the sharded ones. */
export interface SubscriberNode {
  readonly address: string;
  readonly client: NodeClient;
}

/** What finds the nodes. Internal; `rediscover` reads the slots anew, from this client first. */
export interface Slots {
  pubSubNode?: SubscriberNode | undefined;
  readonly nodeByAddress: ReadonlyMap<string, unknown>;
  connect: (this: unknown) => Promise<void>;
  rediscover: (this: unknown, startWith?: NodeClient, ...more: unknown[]) => Promise<void>;
  getShardedPubSubClient?(channel: string): Promise<NodeClient>;
}

/**
 * The instance behind all views of a cluster. `_self`, `_slots` and `_execute` are internal, checked with 5.12.1 and
 * 6.3.1; `attach-cluster.test.ts` fails when they move.
 */
export interface ClusterCore {
  readonly isOpen: boolean;
  readonly masters: readonly ClusterNode[];
  readonly replicas: readonly ClusterNode[];
  readonly _slots: Slots;
  /** Sends one command, and follows MOVED and ASK. */
  _execute: (this: unknown, ...args: unknown[]) => Promise<unknown>;
  subscribe(channel: string, listener: unknown, isBuffer: boolean): Promise<unknown>;
  pSubscribe(pattern: string, listener: unknown, isBuffer: boolean): Promise<unknown>;
  duplicate: (this: unknown, ...args: unknown[]) => unknown;
}

/**
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_CLIENT_UNSUPPORTED`
 */
export function coreOf(cluster: object): ClusterCore {
  const { _self: core } = cluster as { _self?: Partial<ClusterCore> };
  if (typeof core?._slots?.rediscover === "function" && typeof core._execute === "function") {
    return core as ClusterCore;
  }
  throw new PasswordlessError("ERR_PASSWORDLESS_CLIENT_UNSUPPORTED", {
    message: "This cluster cannot be attached: it has no way to be told to look for its nodes.",
    remedy: "Pass what `createCluster` of node-redis 5.12 or 6 returns.",
    rule: "client-not-attachable",
    details: { clientProblem: "notAttachable" },
  });
}
