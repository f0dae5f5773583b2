import type { PasswordlessError } from "../core/errors.js";
import type { TokenManagerState } from "../core/token-manager-events.js";
import type { ProxyState } from "./events.js";

/** What a proxy is doing, for health checks, metrics and humans; without secrets. Instants are epoch milliseconds. */
export interface ProxyStatus {
  readonly state: ProxyState;
  readonly startedAtMs: number;
  readonly instances: readonly InstanceStatus[];
  /** Each once, also where several instances share one. */
  readonly identities: readonly IdentityStatus[];
}

/** One cache and where it is offered. */
export interface InstanceStatus {
  readonly name: string;
  /** `host:port` of the cache. */
  readonly endpoint: string;
  /** The addresses that clients connect to: `host:port`, or the path of a socket. */
  readonly listening: readonly string[];
  /** The nodes of a cluster that clients have asked for so far: `host:port`, and the local port of each. */
  readonly nodes?: readonly { readonly endpoint: string; readonly port: number }[] | undefined;
  /** {@link IdentityStatus.description} of who logs in. */
  readonly identity: string;
  readonly counters: InstanceCounters;
  /** Clients at the same time; `undefined` for no limit. */
  readonly maxClients?: number | undefined;
  /** Clients that are connected, have an answer to everything, and would not notice another connection to the server. */
  readonly idleClients: number;
  /** Connections to the server that wait for a next client. */
  readonly spareUpstreams: number;
  /** When a connection to the server last succeeded; `undefined` if none has. */
  readonly lastConnectedAtMs: number | undefined;
  /** Why the last attempt to connect to the server failed; `undefined` when the last one succeeded. */
  readonly lastFailure: { readonly atMs: number; readonly error: PasswordlessError } | undefined;
}

/** Sums since the start, except for those that are named `open…`. */
export interface InstanceCounters {
  openClients: number;
  clients: number;
  /** Clients that were turned away because there were as many as there may be. */
  clientsOverLimit: number;
  openUpstreams: number;
  upstreams: number;
  upstreamFailures: number;
  reauthentications: number;
  reauthenticationFailures: number;
  /** Bytes of the clients' commands. */
  bytesIn: number;
  /** Bytes of replies and messages. */
  bytesOut: number;
}

/** Who logs in. */
export interface IdentityStatus {
  readonly description: string;
  readonly state: TokenManagerState;
  /** The token's user name (`oid`); `undefined` while there is no token. */
  readonly username: string | undefined;
  readonly issuedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Failures in a row. */
  readonly failures: number;
  readonly lastError: unknown;
  readonly clockSkewMs: number | undefined;
  /** Connections that are kept authenticated. */
  readonly connections: number;
}
