/**
 * What this adapter needs of ioredis 5, ioredis 6 and iovalkey, as structural types: it imports no client, so that
 * the user's copy is the only one. Their classes are not assignable to one another.
 */

import type { Socket } from "node:net";

/** Options of a client that this adapter looks at; all others pass through untouched. */
export interface ClientOptions {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly family?: number | undefined;
  readonly path?: string | undefined;
  readonly tls?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
  readonly connectTimeout?: number | undefined;
  readonly enableReadyCheck?: boolean | undefined;
  readonly disconnectTimeout?: number | undefined;
  readonly sentinels?: readonly unknown[] | undefined;
  readonly enableTLSForSentinelMode?: boolean | undefined;
  readonly Connector?: unknown;
}

/** The connector of ioredis: opens the stream of one client, at every attempt to connect. */
export interface Connector {
  /** What a stream that is returned destroyed has failed with. */
  firstError?: Error | undefined;
  check(info: unknown): boolean;
  disconnect(): void;
  connect(emit: ErrorEmitter): Promise<Socket>;
}

export type ErrorEmitter = (type: string, error: Error) => void;
export type ConnectorClass = new (options: ClientOptions) => Connector;

/** A client for one server. */
export interface Client {
  readonly options: ClientOptions;
  readonly status: string;
  readonly mode: string;
  readonly stream?: Socket | undefined;
  /** What the connection has negotiated; public in the types, though not documented. */
  readonly condition?: { readonly protocol?: number } | undefined;
  call(command: string, ...args: string[]): Promise<unknown>;
  on(event: string, listener: (...args: never[]) => void): unknown;
  emit(event: string, ...args: unknown[]): boolean;
  listenerCount(event: string): number;
}

/** A client for a cluster. */
export interface ClusterClient {
  readonly options: { redisOptions?: ClientOptions | undefined };
  readonly isCluster: boolean;
  nodes(role?: "all"): Client[];
  duplicate(nodes?: readonly unknown[], options?: object): ClusterClient;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

/** Where a cluster begins to look for its nodes. */
export type ClusterNode = string | number | ClientOptions;
