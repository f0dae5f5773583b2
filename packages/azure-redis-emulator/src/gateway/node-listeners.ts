import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import type { ConnectionFault } from "../api.js";
import { giveUpPort, listenOn, listenOnLastingPort } from "../lasting-port.js";
import { applyConnectionFault } from "./connection-faults.js";
import type { ReplicaEntrance } from "./replica-entrance.js";

/** PEM. */
export interface NodeCertificate {
  readonly cert: string;
  readonly key: string;
}

export interface NodeListenersOptions {
  readonly tls: NodeCertificate;
  readonly onClient: (socket: Socket, isEncrypted: boolean) => void;
  /** Where the replicas of the server may come in; none without it. */
  readonly replicaEntrance?: ReplicaEntrance;
  /** The fault that a connection to the port with TLS meets at this stage. */
  readonly takeFault?: (stage: NonNullable<ConnectionFault["stage"]>) => ConnectionFault["kind"] | undefined;
}

/** The latest version that a server speaks which nobody has updated. */
export type OutdatedTlsVersion = "TLSv1" | "TLSv1.1";

const VERSIONS = { minVersion: "TLSv1.2" } as const;

/** One socket that listens, or has listened and will again. */
interface Listener {
  readonly server: Server;
  readonly host: string;
  readonly port: number;
}

/** The two ports in front of one server: with TLS, on one address or more, and without. */
export class NodeListeners {
  /** With TLS. */
  port = 0;
  plaintextPort = 0;
  readonly #options: NodeListenersOptions;
  /** Listens nowhere itself: it gets its sockets from the listeners of all addresses. */
  readonly #tls: TlsServer;
  readonly #listeners: Listener[] = [];
  #certificate: NodeCertificate;
  #outdatedVersion: OutdatedTlsVersion | null = null;
  #isOpen = false;
  /** Ends when no listener is about to listen any more. */
  #opening: Promise<unknown> = Promise.resolve();
  /** Sockets whose TLS handshake is not done are no connections yet, but must not outlive the gateway. */
  readonly #sockets = new Set<Socket>();

  constructor(options: NodeListenersOptions) {
    this.#options = options;
    this.#certificate = options.tls;
    const { cert, key } = options.tls;
    this.#tls = createTlsServer({ cert, key, ...VERSIONS, allowHalfOpen: true });
    this.#tls.on("secureConnection", (socket) => {
      const fault = options.takeFault?.("encrypted");
      if (fault === undefined) options.onClient(socket, true);
      else applyConnectionFault(fault, socket, this.#wireOf(socket));
    });
  }

  /** @param port of the listener with TLS; 0 for a free one */
  async listen(host: string, port: number): Promise<void> {
    this.#isOpen = true;
    [this.port, this.plaintextPort] = await Promise.all([
      this.#open(host, port, (socket) => this.#secure(socket)),
      this.#open(host, 0, (socket) => this.#options.onClient(socket, false)),
    ]);
  }

  /**
   * Listens with TLS on a further address, at the same port.
   *
   * @throws {Error} when it is closed.
   */
  async listenAlso(host: string): Promise<void> {
    await this.#open(host, this.port, (socket) => this.#secure(socket));
  }

  /** Shows another certificate to whoever connects from now on. */
  useCertificate(certificate: NodeCertificate): void {
    this.#certificate = certificate;
    this.#setSecureContext();
  }

  /** Speaks nothing later than this version with whoever connects from now on; `null` for the regular ones. */
  useOutdatedTls(version: OutdatedTlsVersion | null): void {
    this.#outdatedVersion = version;
    this.#setSecureContext();
  }

  /** Stops listening and breaks every connection. */
  async close(): Promise<void> {
    this.#isOpen = false;
    const closed = this.#listeners.map(({ server }) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
    await this.#opening;
  }

  /** It will not listen again: others may have its ports. */
  giveUpPorts(): void {
    for (const { port } of this.#listeners) giveUpPort(port);
  }

  /** Listens again, after {@link close}, where it did before. */
  async reopen(): Promise<void> {
    this.#isOpen = true;
    await Promise.all(this.#listeners.map(({ server, host, port }) => this.#listen(server, host, port)));
  }

  async #open(host: string, port: number, onSocket: (socket: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      onSocket(socket);
    });
    const actualPort = await this.#listen(server, host, port);
    this.#listeners.push({ server, host, port: actualPort });
    return actualPort;
  }

  /** Node listens some time after it has been told to, by when it may be too late. */
  async #listen(server: Server, host: string, port: number): Promise<number> {
    const listening = (async () => {
      if (!this.#isOpen) throw new Error("The gateway is closed.");
      const actualPort = port === 0 ? await listenOnLastingPort(server, host) : port;
      if (port !== 0) await listenOn(server, host, port);
      if (!this.#isOpen) await new Promise((resolve) => server.close(resolve));
      return actualPort;
    })();
    this.#opening = Promise.allSettled([this.#opening, listening]);
    return listening;
  }

  #setSecureContext(): void {
    const { cert, key } = this.#certificate;
    const version = this.#outdatedVersion;
    // Their signatures are by SHA-1, which OpenSSL 3 refuses to make at its own level of security.
    const outdated = { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    this.#tls.setSecureContext({
      cert,
      key,
      ...(version === null ? VERSIONS : { ...outdated, maxVersion: version }),
    });
  }

  #wireOf(socket: Socket): Socket | undefined {
    return [...this.#sockets].find(
      (wire) => wire.remotePort === socket.remotePort && wire.localAddress === socket.localAddress,
    );
  }

  #secure(socket: Socket): void {
    const { replicaEntrance, takeFault } = this.#options;
    const fault = takeFault?.("connected");
    if (fault !== undefined) {
      applyConnectionFault(fault, socket);
      return;
    }
    const handOver = (): void => void this.#tls.emit("connection", socket);
    // Until TLS has taken it over, nobody else listens for a client that resets the connection.
    socket.on("error", () => undefined);
    if (replicaEntrance === undefined) handOver();
    else replicaEntrance.admit(socket, handOver);
  }
}
