import { connect, type Socket } from "node:net";
import { encodeCommand } from "resp-framing";

export interface ReplicaEntranceOptions {
  /** The server behind this entrance. */
  readonly server: { readonly host: string; readonly port: number };
  /** What the replicas of its cluster log in with. */
  readonly user: string;
  readonly password: string;
}

/** The first byte of a TLS connection: a record of type handshake (RFC 8446, section 5.1). */
const TLS_HANDSHAKE = 0x16;

/** By it a replica asks whether somebody is there, before it logs in; it takes this refusal for a yes. */
const PING = encodeCommand(["PING"]);
const REFUSAL = "-NOAUTH Authentication required.\r\n";

/**
 * Lets the replicas of a master in, and nobody else.
 *
 * A cluster has one address for a node: where clients are sent is also where its replicas look for it. So they
 * come to the gateway's port for TLS, in plaintext. Whoever knows the servers' own password is passed on as it is;
 * any other client without TLS is cut off, as by a port that speaks nothing else. (One that begins with a lone
 * `PING` gets an error first. Clients begin with a login or with `HELLO`.)
 */
export class ReplicaEntrance {
  readonly #options: ReplicaEntranceOptions;
  readonly #login: Buffer;

  constructor(options: ReplicaEntranceOptions) {
    this.#options = options;
    this.#login = encodeCommand(["AUTH", options.user, options.password]);
  }

  /**
   * Takes a connection of which nothing has been read yet.
   *
   * @param tls gets those that begin with a TLS handshake, as they came
   */
  admit(socket: Socket, tls: (socket: Socket) => void): void {
    let received: Buffer = Buffer.alloc(0);
    // Its own half stays open otherwise (`allowHalfOpen`), and so does the connection.
    const leave = (): void => void socket.destroy();
    const read = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      if (received.length === 0 && chunk[0] === TLS_HANDSHAKE) {
        socket.off("readable", read).off("end", leave);
        socket.unshift(chunk);
        tls(socket);
        return;
      }
      received = Buffer.concat([received, chunk]);
      if (received.equals(PING)) {
        received = Buffer.alloc(0);
        socket.write(REFUSAL);
        return;
      }
      if (received.length >= this.#login.length) {
        socket.off("readable", read).off("end", leave);
        if (received.subarray(0, this.#login.length).equals(this.#login)) this.#pass(socket, received);
        else socket.destroy();
        return;
      }
      if (!isStartOf(received, PING) && !isStartOf(received, this.#login)) socket.destroy();
    };
    socket.on("readable", read).on("end", leave);
  }

  #pass(socket: Socket, received: Buffer): void {
    const { host, port } = this.#options.server;
    const master = connect({ host, port, noDelay: true });
    master.on("error", () => socket.destroy());
    master.on("close", () => socket.destroy());
    socket.on("close", () => master.destroy());
    master.write(received);
    socket.pipe(master);
    master.pipe(socket);
  }
}

function isStartOf(part: Buffer, whole: Buffer): boolean {
  return part.equals(whole.subarray(0, part.length));
}
