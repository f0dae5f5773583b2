import { type Markers, pingMarker } from "../../inband/marker.js";
import { connectorClass, type LoginConnector, type LoginDesk } from "./connector.js";
import { type ConnectorSlot, equip } from "./connector-slot.js";
import type { Client, ConnectorClass } from "./structural.js";

/**
 * Makes a client passwordless that exists already: its duplicates by their options, its next connections by their
 * connector, and the one that is open now by a login on it.
 */
export function attachTo(client: Client, desk: LoginDesk): void {
  const sentinel = client.options.sentinels ? (client as ConnectorSlot).connector : undefined;
  const Sentinel = sentinel?.constructor as ConnectorClass | undefined;
  (client.options as { Connector?: unknown }).Connector = connectorClass(desk, Sentinel);
  const connector = equip(client, desk, sentinel);
  const adopt = (): void => {
    adoptConnection(client, connector).catch((error: unknown) => emitError(client, error));
  };
  if (client.status === "ready") adopt();
  // Made without credentials, a connection may come up all the same; if it does not, the next one is ours.
  client.on("ready", adopt);
}

async function adoptConnection(client: Client, connector: LoginConnector): Promise<void> {
  const { stream } = client;
  // Subscribed in RESP2 it cannot log in: when the server cuts it, its next connection can.
  if (stream === undefined || connector.owns(stream) || client.mode !== "normal") return;
  const markers = await markersOf(client);
  if (client.stream !== stream || connector.owns(stream)) return;
  await connector.adopt(stream, markers, protocolOf(client));
}

/** A user who may not PING cannot have replies told apart here; the next connection finds another way. */
async function markersOf(client: Client): Promise<Markers | undefined> {
  const { randomUUID } = process.getBuiltinModule("node:crypto");
  const nonce = randomUUID();
  try {
    return (await client.call("PING", nonce)) === nonce ? { next: pingMarker } : undefined;
  } catch {
    return undefined;
  }
}

/** ioredis 6 speaks RESP3 unless told otherwise; the others know RESP2 only. */
function protocolOf(client: Client): 2 | 3 {
  return client.condition?.protocol === 3 ? 3 : 2;
}

function emitError(client: Client, error: unknown): void {
  if (client.listenerCount("error") > 0) client.emit("error", error);
  else process.emitWarning(error instanceof Error ? error : String(error));
}
