import type { LoginDesk } from "./connector.js";
import { equip } from "./connector-slot.js";
import type { Client } from "./structural.js";

/**
 * ioredis Cluster keeps one more connection, for Pub/Sub. It copies host, port, user name, password and TLS options
 * from one of the nodes and nothing else, the `Connector` neither; so it gets its connector when it is made, before
 * it connects.
 *
 * Private members, checked with ioredis 5.11.1 and 6.0.0 and iovalkey 0.4.0: `Cluster.subscriber` and its own
 * `subscriber`; `private-members.test.ts` fails when they move. docs/ioredis-proposal.md asks for a way to do
 * without.
 */
export function equipClusterSubscriber(cluster: object, desk: LoginDesk): void {
  const { subscriber: keeper } = cluster as { subscriber?: { subscriber?: Client | null } };
  if (typeof keeper !== "object" || keeper === null) return;
  let current = keeper.subscriber;
  Object.defineProperty(keeper, "subscriber", {
    configurable: true,
    enumerable: true,
    get: () => current,
    set: (client: Client | null) => {
      if (client !== null && client !== current) equip(client, desk);
      current = client;
    },
  });
  if (current !== undefined && current !== null) equip(current, desk);
}
