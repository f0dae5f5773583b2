import { ClusterReplies } from "./cluster-replies.js";
import { NodeDoors, type NodeDoorsOptions, type OpenDoor } from "./node-doors.js";
import type { ReplyOrigin } from "./rewriting.js";

export interface ClusterViewOptions extends NodeDoorsOptions {
  /**
   * The host by which clients find the local ports, for those that do not reach the proxy at an address of its own, as
   * from outside of a container.
   * @default the address at which each client has reached the proxy; 127.0.0.1 through a Unix socket
   */
  readonly nodeHost?: string | undefined;
}

/** One client's connection, and the connection to the server behind it. */
export interface ClusterConnection {
  /** The local end of the client's connection. */
  readonly localAddress: string | undefined;
  readonly origin: ReplyOrigin;
  /** What the client gets to read. */
  write(bytes: Buffer): void;
  /** Nothing is held back any more: the server may be read again. */
  onReleased(): void;
}

/** A cluster as clients of the proxy see it: each node at a local port. */
export class ClusterView {
  readonly #doors: NodeDoors;
  readonly #nodeHost: string | undefined;

  constructor(options: ClusterViewOptions) {
    this.#doors = new NodeDoors(options);
    this.#nodeHost = options.nodeHost;
  }

  /** The nodes that have a local port. */
  get doors(): readonly OpenDoor[] {
    return this.#doors.open;
  }

  /** For what the server sends on one connection. */
  repliesFor(connection: ClusterConnection): ClusterReplies {
    const nodeHost = this.#nodeHost;
    return new ClusterReplies({
      origin: connection.origin,
      // Most connections never need it, and the system has to be asked for it.
      get localHost() {
        return nodeHost ?? hostOf(connection.localAddress);
      },
      doors: this.#doors,
      write: (bytes) => connection.write(bytes),
      onReleased: () => connection.onReleased(),
    });
  }

  /** Opens the doors that another view of the same cluster has had. */
  reopen(doors: readonly OpenDoor[]): Promise<void> {
    return this.#doors.reopen(doors);
  }

  /** Closes every local port; those who are connected stay. */
  close(): Promise<void> {
    return this.#doors.close();
  }
}

/** A listener on `::` is reached over IPv4 at mapped addresses, which IPv4 clients would not understand. */
function hostOf(localAddress: string | undefined): string {
  return localAddress?.replace(/^::ffff:(?=\d+\.)/i, "") ?? "127.0.0.1";
}
