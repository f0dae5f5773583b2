import { connect, isIP, type Socket } from "node:net";
import * as tls from "node:tls";
import { opened } from "../adapters/opened.js";
import { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import { logIn } from "../inband/login.js";
import type { Markers } from "../inband/marker.js";
import type { Connection } from "../reauth/connection.js";
import type { Identity } from "../reauth/identity.js";
import { probeLogin } from "../reauth/probe.js";
import type { Reauthenticator } from "../reauth/reauthenticator.js";
import { waitForToken } from "../reauth/token-wait.js";
import { unreachableError } from "../reauth/unreachable.js";
import { HIGH_WATER_BYTES } from "./client-link.js";
import { readsLastWords } from "./io/last-words.js";
import { type SharedReads, serverReads } from "./io/shared-reads.js";

/** Where a server is, and by which name it is verified. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** The name that its certificate must be valid for. @default the host */
  readonly serverName?: string | undefined;
  /** Without TLS only on this machine. */
  readonly isEncrypted: boolean;
}

/** A connection that is kept authenticated. */
export interface KeptConnection extends Connection {
  onceClosed(listener: () => void): void;
}

export interface UpstreamOptions {
  readonly address: ServerAddress;
  readonly identity: Identity;
  /** Certificate authorities to trust, made once for all connections. @default those of Node.js */
  readonly secureContext?: tls.SecureContext | undefined;
  /** For TCP, TLS and login together, in milliseconds; the wait for a token has a bound of its own. */
  readonly connectTimeoutMs: number;
}

/** A connection that is logged in; nobody reads it yet. */
export interface UpstreamConnection {
  readonly socket: Socket;
  /** Gets what the server sends. */
  readonly reads: SharedReads;
  readonly token: Token;
  /** How replies can be told apart; absent when the server offers no way. */
  readonly markers: Markers | undefined;
  /** From the first packet to the accepted login, in milliseconds. */
  readonly tookMs: number;
}

/** TCP probes of a silent connection, in milliseconds: load balancers of Azure forget one after 4 minutes. */
const KEEP_ALIVE_MS = 60_000;

/** Opens connections to one server, verified and logged in, and keeps them authenticated. */
export class Upstream {
  /** `host:port`. */
  readonly label: string;
  readonly #options: UpstreamOptions;
  readonly reauthenticator: Reauthenticator;
  /** One for all connections: each of its own would hold a copy of all certificate authorities. */
  #secureContext: tls.SecureContext | undefined;
  /** A TLS session: with it a handshake takes a third less work. */
  #session: { readonly ticket: Buffer; readonly receivedAtMs: number } | undefined;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#secureContext = options.secureContext;
    const { host, port } = options.address;
    this.label = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    // Of its own, although others may lead to the same server: they may trust other authorities, and count for others.
    this.reauthenticator = options.identity.reauthenticator(`proxy ${nextNumber()} ${this.label}`, () => ({
      label: this.label,
      // Replies to logins are told apart from those to commands.
      isRefusalHarmless: true,
      prove: (token, signal) =>
        probeLogin(async (until) => (await this.#dial(until)).socket, this.label, token, signal),
    }));
  }

  /**
   * Waits for a token, connects and logs in.
   *
   * @throws {PasswordlessError} `ERR_PASSWORDLESS_TOKEN_WAIT_TIMEOUT` and the identity provider's verdicts,
   * `ERR_PASSWORDLESS_CONNECTION_FAILED`, `ERR_PASSWORDLESS_AUTH_REFUSED`
   * @throws the signal's reason
   */
  async connect(signal: AbortSignal): Promise<UpstreamConnection> {
    let token = await waitForToken(this.reauthenticator, this.label, signal);
    const { connectTimeoutMs } = this.#options;
    // No `AbortSignal.timeout`, which stays in memory until its time is up.
    const attempt = new AbortController();
    const timer = this.reauthenticator.clock.schedule(
      () => attempt.abort(timeoutError(connectTimeoutMs)),
      connectTimeoutMs,
    );
    const onAbort = (): void => attempt.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const startedMs = performance.now();
    let socket: Socket | undefined;
    try {
      const dialed = await this.#dial(attempt.signal);
      ({ socket } = dialed);
      // Where the handshake has taken long, there may be a newer one by now.
      token = await this.reauthenticator.tokenForLogin({ signal: attempt.signal });
      const { markers } = await logIn(socket, this.label, token, attempt.signal);
      this.reauthenticator.accepted(token);
      return { ...dialed, token, markers, tookMs: performance.now() - startedMs };
    } catch (error) {
      socket?.on("error", () => {}).destroy();
      if (PasswordlessError.is(error)) {
        if (error.code === "ERR_PASSWORDLESS_AUTH_REFUSED") this.reauthenticator.refused(token, error);
        throw error;
      }
      signal.throwIfAborted();
      throw unreachableError(
        this.label,
        `The connection to Redis at ${this.label} could not be opened`,
        error,
      );
    } finally {
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Keeps a session, which has logged in with `token`, authenticated until its connection ends. */
  keep(session: KeptConnection, token: Token): void {
    const enrollment = this.reauthenticator.enroll(session, token);
    session.onceClosed(() => enrollment[Symbol.dispose]());
  }

  /** Nobody connects any more. */
  close(): void {
    this.reauthenticator.close();
  }

  async #dial(signal: AbortSignal): Promise<Pick<UpstreamConnection, "socket" | "reads">> {
    const { address } = this.#options;
    const { host, port } = address;
    const { reads, onread } = serverReads();
    const tcp = {
      host,
      port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      highWaterMark: HIGH_WATER_BYTES,
      onread,
    };
    if (!address.isEncrypted) {
      const socket = connect(tcp);
      reads.of(socket);
      readsLastWords(socket);
      return { socket: await opened(socket, "connect", signal), reads };
    }
    const serverName = address.serverName ?? host;
    this.#secureContext ??= tls.createSecureContext();
    const socket = tls.connect({
      ...tcp,
      // A name of a server is never an address (RFC 6066 §3).
      ...(isIP(serverName) > 0 ? {} : { servername: serverName }),
      secureContext: this.#secureContext,
      ...(this.#session === undefined ? {} : { session: this.#session.ticket }),
    } as tls.ConnectionOptions);
    reads.of(socket);
    readsLastWords(socket);
    socket.on("session", (ticket) => this.#remember(ticket, socket.isSessionReused()));
    return { socket: await opened(socket, "secureConnect", signal), reads };
  }

  /** One for many connections: each keeps in memory the one that it began with. */
  #remember(ticket: Buffer, isReused: boolean): void {
    const nowMs = this.reauthenticator.clock.now();
    const isOld = this.#session === undefined || nowMs - this.#session.receivedAtMs > SESSION_MS;
    // A server that has forgotten it would be offered it again and again.
    if (isOld || !isReused) this.#session = { ticket, receivedAtMs: nowMs };
  }
}

let upstreams = 0;

/** Tells those apart that lead to the same server. */
function nextNumber(): number {
  return ++upstreams;
}

/** How long a TLS session is used for new connections, in milliseconds: servers give them for hours. */
const SESSION_MS = 600_000;

function timeoutError(timeoutMs: number): Error {
  return Object.assign(new Error(`no answer within ${timeoutMs / 1_000} s`), { code: "ETIMEDOUT" });
}
