/**
 * What this adapter needs of node-redis, as structural types: it imports no client, so that the user's copy is
 * the only one (`StreamingCredentialsProvider` is not exported from the root of @redis/client 5 and 6 anyway).
 */

export interface BasicAuth {
  readonly username?: string;
  readonly password?: string;
}

/** What a client passes to `subscribe`: it sends AUTH with whatever `onNext` is given. */
export interface CredentialsListener {
  onNext(credentials: BasicAuth): void;
  onError(error: Error): void;
}

/** node-redis's streaming credentials provider: asked at every handshake, and told to call back. */
export interface StreamingCredentialsProvider {
  readonly type: "streaming-credentials-provider";
  subscribe(listener: CredentialsListener): Promise<[BasicAuth, { dispose(): void }]>;
  onReAuthenticationError(error: Error): void;
}

export type ReconnectStrategy = false | number | ((retries: number, cause: Error) => false | Error | number);

/** Options of a socket that this adapter looks at; all others pass through untouched. */
export interface SocketOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly tls?: boolean;
  readonly rejectUnauthorized?: boolean;
  readonly reconnectStrategy?: ReconnectStrategy;
}

/** Options of a client that this adapter looks at; all others pass through untouched. */
export interface ClientOptions {
  readonly url?: string;
  readonly socket?: SocketOptions;
  readonly username?: unknown;
  readonly password?: unknown;
  credentialsProvider?: unknown;
  readonly RESP?: 2 | 3;
}

export type RedisArgument = string | Buffer;

/** The part of a client that `attach` uses; public members of node-redis 5.12 and 6. */
export interface AttachableClient {
  readonly options?: ClientOptions | undefined;
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly isPubSubActive: boolean;
  readonly sendCommand: (this: unknown, args: readonly RedisArgument[], options?: object) => Promise<unknown>;
  readonly duplicate: (this: unknown, overrides?: object) => unknown;
  withCommandOptions(options: object): object;
  on(event: string | symbol, listener: (...args: never[]) => void): unknown;
}

/** The part of a pool that `attach` uses; public members of node-redis 5.12 and 6. */
export interface PoolOfClients {
  readonly execute: <T>(this: unknown, run: (client: AttachableClient) => T) => Promise<T>;
  withCommandOptions(options: object): object;
  on(event: string, listener: (...args: never[]) => void): unknown;
}
