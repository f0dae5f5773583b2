import type { Socket } from "node:net";

/** How long a client that is sent away may take to read why, in milliseconds. */
const PATIENCE_MS = 5_000;

/**
 * Tells a client why it cannot stay, and ends the connection. It is read until the client ends it, because a
 * connection that is closed with something unread is reset, and the error lost on its way.
 */
export function refuse(client: Socket, error: string): void {
  if (client.destroyed) return;
  const timer = setTimeout(() => client.destroy(), PATIENCE_MS).unref();
  client.on("error", () => {});
  client.once("close", () => clearTimeout(timer));
  client.on("end", () => client.destroy());
  client.on("data", () => {}).resume();
  client.end(error);
}
