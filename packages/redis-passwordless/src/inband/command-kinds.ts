import { BLOCKING_COMMANDS } from "./blocking-command.js";

/** What begins a subscription, which RESP2 allows no AUTH beside. */
export const SUBSCRIBE: ReadonlySet<string> = new Set(["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"]);
/** What a RESP2 subscriber may send. */
export const SUBSCRIBER: ReadonlySet<string> = new Set([
  ...SUBSCRIBE,
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
  "PING",
  "QUIT",
  "RESET",
]);
/** What a client sends by itself when it connects, and what changes no data; it keeps its own account of SELECT. */
export const HANDSHAKE: ReadonlySet<string> = new Set([
  ...SUBSCRIBER,
  "HELLO",
  "CLIENT",
  "SELECT",
  "INFO",
  "READONLY",
  "READWRITE",
  "CLUSTER",
]);
/** Commands of a client at which AUTH has to be thought of. */
export const WATCHED: readonly string[] = [
  "MULTI",
  "EXEC",
  "DISCARD",
  "RESET",
  "ASKING",
  "HELLO",
  "INFO",
  ...SUBSCRIBE,
  ...BLOCKING_COMMANDS,
];
