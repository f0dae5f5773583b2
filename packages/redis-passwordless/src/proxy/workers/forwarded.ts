import type { ProxyEvents } from "../events.js";

/** All events but the state: that of one worker is not that of the proxy. */
export const TOLD_TO_PRIMARY = [
  "clientConnected",
  "clientClosed",
  "acceptFailed",
  "upstreamConnected",
  "upstreamFailed",
  "reauthenticated",
  "reauthenticationFailing",
  "tokenRefreshed",
  "refreshFailing",
  "recovered",
  "tokenExpired",
] as const satisfies readonly (keyof ProxyEvents)[];
