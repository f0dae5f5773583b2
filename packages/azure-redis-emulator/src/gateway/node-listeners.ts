import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

export interface NodeListenersOptions {
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string };
  readonly onClient: (socket: Socket, isEncrypted: boolean) => void;
}

/** The two ports in front of one server: with TLS, and without. */
export class NodeListeners {
  /** With TLS. */
  port = 0;
  plaintextPort = 0;
  readonly #secure: Server;
  readonly #plaintext: Server;
  /** Sockets whose TLS handshake is not done are no connections yet, but must not outlive the gateway. */
  readonly #sockets = new Set<Socket>();

  constructor({ tls: { cert, key }, onClient }: NodeListenersOptions) {
    const secure = createTlsServer({ cert, key, minVersion: "TLSv1.2", allowHalfOpen: true });
    secure.on("secureConnection", (socket) => onClient(socket, true));
    this.#secure = secure;
    this.#plaintext = createServer({ allowHalfOpen: true }, (socket) => onClient(socket, false));
    for (const server of [this.#secure, this.#plaintext]) {
      server.on("connection", (socket) => {
        this.#sockets.add(socket);
        socket.on("close", () => this.#sockets.delete(socket));
      });
    }
  }

  /** @param port of the listener with TLS; 0 for a free one */
  async listen(host: string, port: number): Promise<void> {
    [this.port, this.plaintextPort] = await Promise.all([
      listen(this.#secure, host, port),
      listen(this.#plaintext, host, 0),
    ]);
  }

  /** Stops listening and breaks every connection. */
  async close(): Promise<void> {
    const closed = [this.#secure, this.#plaintext].map(
      (server) => new Promise((resolve) => server.close(resolve)),
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}

/** Resolves with the port, which may have been chosen by the system. */
function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
