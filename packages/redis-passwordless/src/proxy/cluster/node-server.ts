import { PasswordlessError } from "../../core/errors.js";
import { type AddressMap, isAddress, type MappedAddress } from "../../topology/address-map.js";
import type { PortRange } from "../config/node-ports.js";
import type { Listener } from "../listener.js";
import type { ServerAddress } from "../upstream.js";

/**
 * Where nodes are reached when nothing else is known: those that are announced by an IP address where the server is, if
 * it has a name to prove that is not its address; all others where they are announced.
 */
export function besideServer({ host, serverName }: ServerAddress): AddressMap {
  return ({ host: announced, port }) => {
    return serverName !== undefined && isAddress(announced)
      ? { host, port, servername: serverName }
      : undefined;
  };
}

/** The server that a node is; at the host of the cache's own server it proves the same name. */
export function nodeServer(server: ServerAddress, { host, port, servername }: MappedAddress): ServerAddress {
  const serverName = servername ?? (host === server.host ? server.serverName : undefined);
  return { host, port, serverName, isEncrypted: server.isEncrypted };
}

/**
 * The hosts on which nodes are offered: those that the instance listens on.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION` when it listens on Unix sockets only. Whoever chose these
 * to keep others out would not expect ports beside them, unless they are asked for.
 */
export function nodeHosts(
  listeners: readonly Listener[],
  ports: PortRange | undefined,
): readonly [string, ...string[]] {
  const [first, ...others] = new Set(listeners.flatMap(({ host }) => host ?? []));
  if (first !== undefined) return [first, ...others];
  if (ports !== undefined) return ["127.0.0.1"];
  throw new PasswordlessError("ERR_PASSWORDLESS_INVALID_OPTION", {
    message:
      "The nodes of this cluster need ports of their own, and the proxy listens on a Unix socket only.",
    remedy:
      "Add `--node-ports` to offer them on 127.0.0.1, or `--single-endpoint` for clients that know no cluster.",
    details: { option: "nodePorts" },
  });
}
