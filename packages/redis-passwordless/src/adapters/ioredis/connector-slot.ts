import { LoginConnector, type LoginDesk } from "./connector.js";
import type { Client, Connector } from "./structural.js";

/**
 * Where a client of ioredis keeps its connector. A private member, checked with ioredis 5.11.1 and 6.0.0 and
 * iovalkey 0.4.0; `private-members.test.ts` fails when it moves. Only clients that somebody else has made need it.
 */
export interface ConnectorSlot {
  connector?: Connector;
}

/** Replaces a client's connector: from its next connection on it logs in. */
export function equip(client: Client, desk: LoginDesk, sentinel?: Connector): LoginConnector {
  const slot = client as ConnectorSlot;
  const connector = new LoginConnector(desk, client.options, sentinel, slot.connector);
  slot.connector = connector;
  return connector;
}
