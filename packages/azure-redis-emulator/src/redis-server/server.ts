import type { Reply } from "./reply.js";

/** A real Redis or Valkey that the gateway stands in front of. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  /** Password of the user that {@link command} runs as; "" when the server wants none. */
  readonly password: string;
  /** `redis://user:password@host:port` of that user, who may do everything. */
  readonly adminUrl: string;
  /** What answers, as `redis 7.0.15` or `valkey 8.1.1`. */
  readonly version: string;
  /** False from the moment at which it is killed or closed until it serves again. A restart changes nothing. */
  readonly isRunning: boolean;
  /**
   * Runs a command as the administrator.
   *
   * @throws {RedisReplyError} with the server's text when it answers with an error.
   */
  command(...args: readonly string[]): Promise<Reply>;
  /**
   * Stops the server and starts it again on the same port, with its data and its ACL users.
   *
   * @throws {Error} when the emulator did not start this server.
   */
  restart(): Promise<void>;
  /** Ends the connection to it, and the server itself if the emulator started it. */
  close(): Promise<void>;
}

/** Names what answers, from `INFO server`: Valkey reports the Redis version it is compatible with, and its own. */
export function describeVersion(info: string): string {
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  if (valkey !== undefined) return `valkey ${valkey}`;
  return `redis ${/^redis_version:(\S+)/m.exec(info)?.[1] ?? "unknown"}`;
}
