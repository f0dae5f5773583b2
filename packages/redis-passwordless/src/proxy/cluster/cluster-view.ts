import { ClusterReplies, type ClusterRepliesOptions } from "./cluster-replies.js";
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

/** One client's connection. */
export interface ClusterConnection {
  /** Its local end. */
  readonly localAddress: string | undefined;
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

  /** For what the server at `origin` sends to one client. */
  repliesFor(connection: ClusterConnection, origin: ReplyOrigin): ClusterReplies {
    return new ClusterReplies(new ConnectedClient(connection, origin, this.#doors, this.#nodeHost));
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

/** One of these for each client; there are many. */
class ConnectedClient implements ClusterRepliesOptions {
  readonly origin: ReplyOrigin;
  readonly doors: NodeDoors;
  readonly #connection: ClusterConnection;
  readonly #nodeHost: string | undefined;

  constructor(
    connection: ClusterConnection,
    origin: ReplyOrigin,
    doors: NodeDoors,
    nodeHost: string | undefined,
  ) {
    this.#connection = connection;
    this.origin = origin;
    this.doors = doors;
    this.#nodeHost = nodeHost;
  }

  /** Most clients never need it, and the system has to be asked for it. */
  get localHost(): string {
    return this.#nodeHost ?? hostOf(this.#connection.localAddress);
  }

  write(bytes: Buffer): void {
    this.#connection.write(bytes);
  }

  onReleased(): void {
    this.#connection.onReleased();
  }
}

/** A listener on `::` is reached over IPv4 at mapped addresses, which IPv4 clients would not understand. */
function hostOf(localAddress: string | undefined): string {
  return localAddress?.replace(/^::ffff:(?=\d+\.)/i, "") ?? "127.0.0.1";
}
