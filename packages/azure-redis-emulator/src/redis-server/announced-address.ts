/** How the nodes of a cluster announce themselves to clients. */
export type Announcement = "hostname" | "ip" | "unreachableIp";

/** Addresses that are reserved for documentation: no packet to them arrives anywhere (RFC 5737). */
const DOCUMENTATION_NETWORKS = ["192.0.2", "198.51.100", "203.0.113"];

/** The hosts of a network of 256 addresses, without its first and its last one. */
const HOSTS = 254;

/**
 * The address under which a node is announced that has moved for the `moves`th time in its cluster; for 0 the one
 * that all nodes begin with, as all shards of a cache on Azure share one.
 *
 * @param hostName what the nodes announce that do so by name
 */
export function announcedAddress(announcement: Announcement, moves: number, hostName: string): string {
  if (announcement === "hostname") return hostName;
  const network = Math.floor(moves / HOSTS);
  const prefix =
    announcement === "ip"
      ? `127.0.${network % 256}`
      : DOCUMENTATION_NETWORKS[network % DOCUMENTATION_NETWORKS.length];
  return `${prefix}.${(moves % HOSTS) + 1}`;
}
