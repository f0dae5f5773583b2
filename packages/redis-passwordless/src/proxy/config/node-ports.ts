import { ConfigError } from "./config-error.js";
import type { Given } from "./given.js";

/** Local ports for the nodes of a cluster, both ends included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Reads `7000-7099`. @throws {ConfigError} */
export function parseNodePorts({ source, value }: Given): PortRange {
  const [, from = "", to = ""] = /^(\d{1,5})-(\d{1,5})$/.exec(value) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === "" || first < 1 || last > 65_535 || first > last) {
    throw new ConfigError(
      `${source} takes the first and the last port for nodes, such as 7000-7099; it got ${JSON.stringify(value.slice(0, 40))}.`,
    );
  }
  return { first, last };
}
