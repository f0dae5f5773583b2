import type { PasswordlessError } from "../core/errors.js";
import type { Token } from "../core/token.js";
import type { RefreshFailure } from "../core/token-manager-events.js";

/** Why a client's connection has ended. */
export type ClientEnd =
  /** The client has closed it. */
  | "client"
  /** The server has closed it. */
  | "server"
  /** The server could not be reached, or let nobody in. */
  | "unreachable"
  /** There are as many clients as there may be. */
  | "limit"
  /** The client's password is wrong, or it sent something that is no Redis protocol. */
  | "refused"
  /** The login could not be renewed in time. */
  | "expiry"
  /** The proxy is ending, and the client waited for nothing. */
  | "idle"
  /** The proxy has ended before the client was done. */
  | "closing";

/** What happens in a proxy. Instants are epoch milliseconds. */
export interface ProxyEvents {
  /** A client has connected. */
  clientConnected: { readonly instance: string; readonly client: number };
  /** A client's connection has ended. */
  clientClosed: {
    readonly instance: string;
    /** 0 for one over the limit, who was not let in. */
    readonly client: number;
    readonly reason: ClientEnd;
    readonly openMs: number;
  };
  /** A client could not be taken in by the system, at the address that it connected to. */
  acceptFailed: { readonly instance: string; readonly address: string; readonly error: PasswordlessError };
  /** A connection to the server is open and logged in. */
  upstreamConnected: {
    readonly instance: string;
    readonly server: string;
    /** From the first packet to the accepted login. */
    readonly tookMs: number;
  };
  /** A connection to the server could not be opened, or was refused. */
  upstreamFailed: { readonly instance: string; readonly server: string; readonly error: PasswordlessError };
  /** A live connection has logged in with a new token. */
  reauthenticated: { readonly instance: string; readonly server: string; readonly token: Token };
  /** A new token could not be put on a live connection; it goes on being tried. */
  reauthenticationFailing: {
    readonly instance: string;
    readonly server: string;
    readonly error: unknown;
    readonly attempt: number;
    readonly authenticatedUntilMs?: number;
  };
  /** A new token has arrived. `identity` is the identity's description. */
  tokenRefreshed: { readonly identity: string; readonly token: Token };
  /** A request for a token failed; the next one is already planned. */
  refreshFailing: RefreshFailure & { readonly identity: string };
  /** A token has arrived after failures. */
  recovered: { readonly identity: string; readonly failures: number; readonly outageMs: number };
  /** The token ended before its successor arrived. */
  tokenExpired: { readonly identity: string; readonly expiredAtMs: number };
  /** The proxy has changed its state. */
  stateChanged: { readonly state: ProxyState };
}

/** `starting`: not everything listens yet. `draining`: those inside may finish, and nobody new is let in once `minMs` is over. */
export type ProxyState = "starting" | "ready" | "draining" | "closed";
