import type { SecureContext } from "node:tls";
import type { Identity } from "../reauth/identity.js";
import type { AddressMap } from "../topology/address-map.js";
import type { ListenAddress } from "./listener.js";
import type { ServerAddress } from "./upstream.js";

/** One cache, and where it is offered to clients. */
export interface InstanceOptions {
  /** For logs and metrics; each once. */
  readonly name: string;
  /** The cache. */
  readonly server: ServerAddress;
  /** Who logs in. The proxy does not close it. */
  readonly identity: Identity;
  /**
   * Equal for identities that log in as the same one in the same way, whatever authorities they trust: their clients
   * may stay when one takes over from the other.
   * @default the identity itself
   */
  readonly login?: string | undefined;
  readonly listen: readonly ListenAddress[];
  /** Certificate authorities to trust for the server. @default those of Node.js */
  readonly secureContext?: SecureContext | undefined;
  /**
   * Where the nodes of a cluster are reached.
   * @default at the addresses that it announces; IP addresses at the server's host if it has a `serverName`
   */
  readonly addressMap?: AddressMap | undefined;
  /** What clients have to log in with. @default everybody who can connect is let in, with any password or none */
  readonly clientPassword?: string | undefined;
  /** Clients at the same time. @default no limit */
  readonly maxClients?: number | undefined;
  /** For TCP, TLS and login together, in milliseconds. @default 10_000 */
  readonly connectTimeoutMs?: number | undefined;
  /** All clients of a server share so many connections. @default each client has its own */
  readonly pool?: number | undefined;
  /** Offers a cluster to clients that know of none, as one server. @default false */
  readonly isSingleEndpoint?: boolean | undefined;
  /** Local ports for the nodes of a cluster, both ends included. @default free ones */
  readonly nodePorts?: { readonly first: number; readonly last: number } | undefined;
}

export interface ProxyOptions {
  readonly instances: readonly InstanceOptions[];
}
