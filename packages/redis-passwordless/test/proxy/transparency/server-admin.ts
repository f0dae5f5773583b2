import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeCommand } from "resp-framing";
import { type Plain, plain, readReplies } from "./reply.js";

/** A connection past proxy and gateway, straight to the real server, that puts it into a known state. */
export class ServerAdmin {
  readonly #socket: Socket;
  #received = "";
  #heard: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      this.#heard?.();
    });
    socket.on("close", () => this.#heard?.());
    socket.on("error", () => {});
  }

  /** @param backendUrl `redis://user:password@host:port` */
  static async connect(backendUrl: string): Promise<ServerAdmin> {
    const { hostname, port, username, password } = new URL(backendUrl);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, "connect");
    const admin = new ServerAdmin(socket);
    const login = [username || "default", password].map(decodeURIComponent);
    if (password !== "") await admin.run([["AUTH", ...login]]);
    return admin;
  }

  /** Runs commands in one go and returns their replies; those that fail come as the text of their error. */
  async run(commands: readonly (readonly (string | Buffer)[])[]): Promise<readonly Plain[]> {
    this.#socket.write(Buffer.concat(commands.map((command) => encodeCommand(command))));
    for (;;) {
      const { replies, rest } = readReplies(this.#received);
      if (replies.length >= commands.length) {
        this.#received = rest;
        return replies.map(plain);
      }
      if (this.#socket.destroyed) throw new Error("The server has closed the administrator's connection");
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
