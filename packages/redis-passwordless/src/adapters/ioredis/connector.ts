import type { Socket } from "node:net";
import { PasswordlessError } from "../../core/errors.js";
import type { Token } from "../../core/token.js";
import { logIn } from "../../inband/login.js";
import type { Markers } from "../../inband/marker.js";
import { InbandSession } from "../../inband/session.js";
import { SocketLink } from "../../inband/socket-link.js";
import type { TransactionState } from "../../inband/transactions.js";
import type { Reauthenticator } from "../../reauth/reauthenticator.js";
import { isPermanent, waitForToken } from "../../reauth/token-wait.js";
import type { AddressMap, MappedAddress } from "../../topology/address-map.js";
import type { TopologyCheck } from "../../topology/topology.js";
import { opened } from "../opened.js";
import { assertEncrypted, isLoopback } from "../plaintext.js";
import { assertNoCredentials, assertVerified, DEFAULT_PORT, targetOf } from "./endpoint.js";
import type { ClientOptions, Connector, ConnectorClass, ErrorEmitter } from "./structural.js";

/** Default of ioredis's `connectTimeout`, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Default of ioredis's `disconnectTimeout`, in milliseconds. */
const DISCONNECT_TIMEOUT_MS = 2_000;

/** Marks our connectors; a registered symbol, because a class may come from another copy of this library. */
const PASSWORDLESS = Symbol.for("redis-passwordless.connector");

/** Whether these are options that this library's connector has been put into. */
export function isEquipped(options: ClientOptions): boolean {
  return typeof options.Connector === "function" && PASSWORDLESS in options.Connector;
}

export interface LoginDeskOptions {
  readonly allowPlaintext: boolean;
  /** Where the servers are reached that a cluster announces. */
  readonly addressMap?: AddressMap | undefined;
  readonly topology?: TopologyCheck | undefined;
  /** Connections that have been silent for this long, in milliseconds, get a PING. */
  readonly pingIntervalMs?: number | undefined;
}

/** Everything that the connections made from one set of options share. */
export class LoginDesk {
  readonly reauthenticator: Reauthenticator;
  readonly options: LoginDeskOptions;
  /** Whether any connection has logged in so far. */
  hasLoggedIn = false;

  constructor(reauthenticator: Reauthenticator, options: LoginDeskOptions) {
    this.reauthenticator = reauthenticator;
    this.options = options;
  }

  /** Keeps a session, which has logged in with `token`, authenticated until its connection ends. */
  keep(session: InbandSession, token: Token): void {
    this.hasLoggedIn = true;
    this.reauthenticator.accepted(token);
    const enrollment = this.reauthenticator.enroll(session, token);
    session.onceClosed(() => enrollment[Symbol.dispose]());
  }
}

/** Makes the class for the option `Connector`: ioredis makes one of it for each client, duplicates included. */
export function connectorClass(desk: LoginDesk, Sentinel?: ConnectorClass): ConnectorClass {
  return class PasswordlessConnector extends LoginConnector {
    static readonly [PASSWORDLESS] = true;

    constructor(options: ClientOptions) {
      super(desk, options, Sentinel === undefined ? undefined : new Sentinel(options));
    }
  };
}

/**
 * Opens the connections of one client: waits for a token, connects, logs in, and only then hands the socket over.
 * ioredis never sees the token, and sends nothing that waits before the server has accepted the login.
 */
export class LoginConnector implements Connector {
  firstError?: Error | undefined;
  readonly #desk: LoginDesk;
  readonly #options: ClientOptions;
  /** Finds the server by Sentinel; ioredis's own. */
  readonly #sentinel: Connector | undefined;
  #attempt: AbortController | undefined;
  #socket: Socket | undefined;
  /** Holds the connection that was open before this one took over. */
  #predecessor: Connector | undefined;
  /** The transaction that ended with the previous connection. */
  #lost: TransactionState = "none";

  constructor(desk: LoginDesk, options: ClientOptions, sentinel?: Connector, predecessor?: Connector) {
    // Duplicates and the nodes of a cluster may have other options than those that were checked.
    assertNoCredentials(options);
    this.#predecessor = predecessor;
    this.#desk = desk;
    this.#options = options;
    this.#sentinel = sentinel;
  }

  check(info: unknown): boolean {
    return this.#sentinel?.check(info) ?? true;
  }

  disconnect(): void {
    this.#attempt?.abort(new Error("the client was disconnected"));
    this.#sentinel?.disconnect();
    this.#predecessor?.disconnect();
    const socket = this.#socket;
    if (socket === undefined || socket.destroyed) return;
    const { clock } = this.#desk.reauthenticator;
    const timer = clock.schedule(
      () => socket.destroy(),
      this.#options.disconnectTimeout ?? DISCONNECT_TIMEOUT_MS,
    );
    socket.once("close", () => timer[Symbol.dispose]());
    socket.end();
  }

  /**
   * Resolves with a socket that is logged in. What fails comes as a socket that is destroyed already, with
   * `firstError`: ioredis then emits the error and goes on by its `retryStrategy`, whereas a rejection is the end
   * of the client.
   *
   * @throws {PasswordlessError} the identity provider's permanent refusal, as long as nobody has ever logged in;
   * `ERR_PASSWORDLESS_CLOSED` when the identity was closed
   */
  async connect(emit: ErrorEmitter): Promise<Socket> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#predecessor = undefined;
    this.firstError = undefined;
    try {
      const socket = await this.#open(emit, attempt.signal);
      if (attempt.signal.aborted) return socket.destroy();
      this.#socket = socket;
      return socket;
    } catch (error) {
      if (!attempt.signal.aborted) {
        if (isPermanent(error) && (!this.#desk.hasLoggedIn || isClosed(error))) throw error;
        this.firstError = error instanceof Error ? error : new Error(String(error));
      }
      return deadSocket();
    } finally {
      if (this.#attempt === attempt) this.#attempt = undefined;
    }
  }

  async #open(emit: ErrorEmitter, signal: AbortSignal): Promise<Socket> {
    const { reauthenticator } = this.#desk;
    const { allowPlaintext, topology } = this.#desk.options;
    const reached = this.#reached();
    const target = targetOf({ ...this.#options, ...reached });
    assertVerified(this.#options.tls);
    if (this.#sentinel === undefined) assertEncrypted(target, allowPlaintext);
    const token = await waitForToken(reauthenticator, target.label, signal);
    const dialed = await this.#dial(emit, reached);
    const deadline = this.#deadline();
    const either = AbortSignal.any([signal, deadline.signal]);
    let socket: Socket | undefined = dialed.socket;
    try {
      socket = await opened(dialed.socket, dialed.event, either);
      this.#assertPeer(socket, allowPlaintext);
      const { markers, answer } = await logIn(socket, target.label, token, either, topology?.question);
      topology?.examine(target.label, answer);
      return this.#handOver(socket, target.label, token, markers);
    } catch (error) {
      socket?.on("error", () => {}).destroy();
      if (isRefusal(error)) reauthenticator.refused(token, error);
      throw error;
    } finally {
      deadline[Symbol.dispose]();
    }
  }

  /** As ioredis has it: 0 switches it off. */
  #deadline(): { readonly signal: AbortSignal } & Disposable {
    const timeoutMs = this.#options.connectTimeout ?? CONNECT_TIMEOUT_MS;
    const { clock } = this.#desk.reauthenticator;
    const late = new AbortController();
    const timer = timeoutMs > 0 ? clock.schedule(() => late.abort(timeoutError()), timeoutMs) : undefined;
    return { signal: late.signal, [Symbol.dispose]: () => timer?.[Symbol.dispose]() };
  }

  /** Where the address map wants the server reached; nothing where it leaves it to the options. */
  #reached(): Partial<MappedAddress> {
    const { host, port, path } = this.#options;
    const { addressMap } = this.#desk.options;
    if (addressMap === undefined || path || host === undefined || this.#sentinel !== undefined) return {};
    return addressMap({ host, port: Number(port ?? DEFAULT_PORT) }) ?? {};
  }

  async #dial(
    emit: ErrorEmitter,
    reached: Partial<MappedAddress>,
  ): Promise<{ readonly socket: Socket; readonly event: "connect" | "secureConnect" }> {
    const { path, host, port, family, tls, enableTLSForSentinelMode } = this.#options;
    if (this.#sentinel !== undefined) {
      const socket = await this.#sentinel.connect(emit);
      const isTls = enableTLSForSentinelMode === true && Boolean(tls);
      return { socket, event: isTls ? "secureConnect" : "connect" };
    }
    const where = path ? { path } : { host, port: Number(port ?? DEFAULT_PORT), family, ...reached };
    // The caller's own `servername` counts.
    const options = { ...where, ...(tls as object | undefined) } as { port: number };
    // Loaded with the first connection, so that importing this library stays cheap.
    return tls
      ? { socket: process.getBuiltinModule("node:tls").connect(options), event: "secureConnect" }
      : { socket: process.getBuiltinModule("node:net").createConnection(options), event: "connect" };
  }

  /** A sentinel may name any host. */
  #assertPeer(socket: Socket, allowPlaintext: boolean): void {
    if (this.#sentinel === undefined) return;
    const host = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
    const isEncrypted = "encrypted" in socket && socket.encrypted === true;
    assertEncrypted(
      { label: `${host}:${socket.remotePort}`, isEncrypted, isLocal: isLoopback(host) },
      allowPlaintext,
    );
  }

  #handOver(socket: Socket, label: string, token: Token, markers: Markers | undefined): Socket {
    socket.once("error", (error) => {
      this.firstError = error;
    });
    this.#desk.keep(this.#sessionOn(socket, label, markers), token);
    return socket;
  }

  #sessionOn(socket: Socket, label: string, markers: Markers | undefined, protocol?: 2 | 3): InbandSession {
    const lost = this.#lost;
    this.#lost = "none";
    const session = new InbandSession(new SocketLink(socket), {
      label,
      markers,
      lost,
      ...(protocol === undefined ? {} : { protocol }),
      expectsReadyCheck: protocol === undefined && this.#options.enableReadyCheck !== false,
      pingIntervalMs: this.#desk.options.pingIntervalMs,
      schedule: this.#desk.reauthenticator,
    });
    session.onceClosed((transaction) => {
      this.#lost = transaction;
    });
    return session;
  }

  /** Whether this connector has opened this socket, or adopted it. */
  owns(socket: Socket): boolean {
    return this.#socket === socket;
  }

  /** Takes over a connection that is open already, and logs in on it. */
  async adopt(socket: Socket, markers: Markers | undefined, protocol: 2 | 3): Promise<void> {
    this.#socket = socket;
    this.#predecessor = undefined;
    const { label } = targetOf(this.#options);
    const { reauthenticator } = this.#desk;
    const session = this.#sessionOn(socket, label, markers, protocol);
    const token = await waitForToken(reauthenticator, label);
    try {
      if ((await session.authenticate(token)) === "accepted") this.#desk.keep(session, token);
    } catch (error) {
      if (isRefusal(error)) reauthenticator.refused(token, error);
      throw error;
    }
  }
}

function deadSocket(): Socket {
  const { Socket } = process.getBuiltinModule("node:net");
  return new Socket().destroy();
}

function isClosed(error: unknown): boolean {
  return PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_CLOSED";
}

function isRefusal(error: unknown): boolean {
  return PasswordlessError.is(error) && error.code === "ERR_PASSWORDLESS_AUTH_REFUSED";
}

/** As ioredis's own connector puts it. */
function timeoutError(): Error {
  return Object.assign(new Error("connect ETIMEDOUT"), {
    code: "ETIMEDOUT",
    errorno: "ETIMEDOUT",
    syscall: "connect",
  });
}
