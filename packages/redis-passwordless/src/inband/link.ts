import type { LoginFacts } from "../reauth/connection.js";

/** What a session does with its client's bytes. */
export interface LinkUser {
  /** Sends bytes on if they are whole commands and nothing in them needs attention; otherwise returns `false`. */
  passTogether(bytes: Buffer): boolean;
  /**
   * Takes what the client has written, and copies what it keeps; returns `false` when the client should wait before it
   * writes more.
   */
  take(bytes: Buffer): boolean;
  /** The connection has ended. */
  close(): void;
}

/** Shows the client's part of what the server has sent. */
export type Read = (chunk: Buffer) => readonly Buffer[];

/** The two ends that a session stands between: the client, and the connection to the server. */
export interface Link {
  /** Whether the server can still be sent something. */
  readonly isWritable: boolean;
  /** Whether TLS protects the connection to the server. */
  readonly encryption: LoginFacts;
  /** From here on what the client writes goes to `user`. Called once. */
  attach(user: LinkUser): void;
  /** Sends bytes to the server; returns `false` when its buffer is full. */
  send(bytes: Buffer): boolean;
  /** Hands over what the client has written and the link has kept back, so that it comes first. */
  flush(): void;
  /** What the server sends goes through `read` from here on; `undefined` lets it pass by again. */
  intercept(read: Read | undefined): void;
  /** The server speaks no Redis protocol: nothing can be told apart any more. */
  fail(error: Error): void;
  /** The client has to wait for something, or has no longer to: more than it has written should not come now. */
  hold?(isHeld: boolean): void;
}
