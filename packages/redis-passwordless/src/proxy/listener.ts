import cluster from "node:cluster";
import { chmod, lstat, stat, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { PasswordlessError } from "../core/errors.js";

/** Where clients connect to. */
export type ListenAddress =
  | {
      readonly kind: "tcp";
      readonly host: string;
      /** 0 for a free one. */
      readonly port: number;
      /** Not shared with other workers of this proxy. @default false */
      readonly isExclusive?: boolean | undefined;
    }
  | {
      readonly kind: "unix";
      readonly path: string;
      /** Permissions of the socket's file. */
      readonly mode: number;
    }
  /** A socket that listens already, which somebody has left to this process, such as systemd. */
  | { readonly kind: "handed"; readonly fd: number; readonly name: string };

const OPTIONS = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true } as const;

/** Takes clients in. */
export interface Reception {
  /** The socket is paused, and stays half open when the client has ended its half. */
  readonly onClient: (client: Socket) => void;
  /** A client could not be taken in, as when this process has as many files open as it may. */
  readonly onFailed: (address: string, error: PasswordlessError) => void;
}

/** One address on which clients are taken in. */
export class Listener {
  readonly #server: Server;
  readonly address: ListenAddress;
  reception: Reception;

  private constructor(address: ListenAddress, reception: Reception) {
    this.address = address;
    this.reception = reception;
    this.#server = createServer(OPTIONS, (client) => this.reception.onClient(client));
  }

  /**
   * Listens.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when nobody can listen there
   */
  static async open(address: ListenAddress, reception: Reception): Promise<Listener> {
    const listener = new Listener(address, reception);
    const server = listener.#server;
    try {
      // A worker shares the socket with the others; who has started it has looked.
      if (!cluster.isWorker) await clearWay(address);
      await listening(server, address);
      server.on("error", (cause) => listener.#notTakenIn(cause));
      if (address.kind === "unix") await chmod(address.path, address.mode);
    } catch (error) {
      server.close();
      throw unusableAddress(address, error);
    }
    return listener;
  }

  /** The port that clients connect to; `undefined` for a Unix socket. */
  get port(): number | undefined {
    const address = this.#server.address();
    return typeof address === "object" ? (address?.port ?? undefined) : undefined;
  }

  /** The host that it is bound to; `undefined` for a Unix socket. */
  get host(): string | undefined {
    const bound = this.#server.address();
    if (this.address.kind === "tcp") return this.address.host;
    return typeof bound === "object" ? bound?.address : undefined;
  }

  /** `host:port`, or the path of the socket. */
  get label(): string {
    const { address } = this;
    const bound = this.#server.address();
    // What was handed over knows best where it listens.
    if (address.kind === "handed" && typeof bound === "object" && bound !== null)
      return labelOf(bound.address, bound.port);
    if (address.kind === "tcp") return labelOf(address.host, this.port ?? address.port);
    return labelOfAddress(address);
  }

  #notTakenIn(cause: Error): void {
    this.reception.onFailed(this.label, notTakenIn(this.label, cause));
  }

  /** Takes nobody in any more; those who are in stay. Resolves when the address is free again. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      const server = this.#server;
      if (!server.listening) return resolve();
      // Its callback waits for every connection; the address is free at once.
      server.close();
      resolve();
    });
  }
}

function labelOfAddress(address: ListenAddress): string {
  if (address.kind === "tcp") return labelOf(address.host, address.port);
  return address.kind === "unix" ? address.path : `the socket ${address.name} that was handed over`;
}

function labelOf(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function listening(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    if (address.kind === "tcp")
      server.listen({ host: address.host, port: address.port, exclusive: address.isExclusive ?? false });
    else if (address.kind === "handed") server.listen({ fd: address.fd });
    else withMask(0o777 & ~address.mode, () => server.listen({ path: address.path }));
  });
}

/** The socket's file is made with its final permissions, so that nobody slips in before they are set. */
function withMask(mask: number, act: () => void): void {
  const before = process.umask(mask);
  try {
    act();
  } finally {
    process.umask(before);
  }
}

/** Removes what would keep {@link Listener.open} from a Unix socket and belongs to nobody. @throws {Error} */
export async function clearWay(address: ListenAddress): Promise<void> {
  if (address.kind === "unix") await removeStaleSocket(address.path);
}

/** A process that was killed leaves its socket behind; one that lives answers there, and keeps it. */
async function removeStaleSocket(path: string): Promise<void> {
  // A folder that is missing is EACCES to whoever listens (libuv, uv_pipe_bind).
  await stat(dirname(path));
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return;
  if (!stats.isSocket()) throw Object.assign(new Error("a file that is no socket"), { code: "EEXIST" });
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
  if (isAlive) throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
  await unlink(path);
}

const CAUSES: Readonly<Record<string, readonly [observed: string, remedy: string]>> = {
  EADDRINUSE: ["somebody else listens there", "Choose another port or path, or end the process that has it."],
  EACCES: [
    "this user may not listen there",
    "Choose a port from 1024, or a folder that this user may write to.",
  ],
  EADDRNOTAVAIL: [
    "it is no address of this machine",
    "Listen on 127.0.0.1, ::1, or an address of this machine.",
  ],
  ENOTFOUND: ["the name is not known", "Listen on 127.0.0.1, ::1, or an address of this machine."],
  EEXIST: ["there is a file that is no socket", "Choose another path, or remove the file."],
  ENOENT: ["the folder does not exist", "Make the folder of the socket first."],
  ENOTDIR: ["what should be its folder is none", "Choose another path."],
  EBADF: ["there is no such socket", "Start it with the sockets that its unit names."],
  EINVAL: ["the path is too long for a socket", "Choose a path of at most 107 bytes (103 on macOS)."],
};

/** @param option what it was given with */
export function unusableAddress(
  address: ListenAddress,
  cause: unknown,
  option = "listen",
): PasswordlessError {
  const where = labelOfAddress(address);
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  // Of what is handed over, whatever is wrong with it.
  const [observed, remedy] = CAUSES[address.kind === "handed" ? "EBADF" : code] ?? [
    cause instanceof Error ? cause.message : String(cause),
    "Choose another address to listen on.",
  ];
  return new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message: `The proxy cannot listen on ${where}: ${observed}.`,
    remedy,
    details: { option, address: where, ...(code === "" ? {} : { systemError: code }) },
    cause,
  });
}

/** Why a client could not be taken in; whoever is inside is not concerned. */
function notTakenIn(address: string, cause: Error): PasswordlessError {
  const systemError = "code" in cause ? String(cause.code) : undefined;
  const isFull = systemError === "EMFILE" || systemError === "ENFILE";
  return new PasswordlessError("ERR_PASSWORDLESS_CONNECTION_FAILED", {
    message: `A client at ${address} could not be taken in: ${
      isFull ? "the proxy has as many connections and files open as it may" : cause.message
    }.`,
    remedy: isFull
      ? "Raise the limit (`ulimit -n`, `LimitNOFILE=` of systemd): a client takes two, with `--pool` one. `--max-clients` tells those who are too many so."
      : "Nothing has to be done when it does not come again; clients connect anew.",
    rule: isFull ? "out-of-file-descriptors" : undefined,
    retryable: true,
    details: { address, ...(systemError === undefined ? {} : { systemError }) },
    cause,
  });
}
