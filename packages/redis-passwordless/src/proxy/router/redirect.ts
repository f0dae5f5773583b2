import type { NodeAddress } from "../../topology/address-map.js";
import { SLOTS } from "../../topology/hash-slot.js";

/** What an error of a cluster's node asks its client to do. */
export type Redirect =
  /** The slot is served there from now on. */
  | { readonly kind: "moved"; readonly slot: number; readonly node: NodeAddress }
  /** This command, and no other, is to be asked there. */
  | { readonly kind: "ask"; readonly slot: number; readonly node: NodeAddress }
  /** The same again, a little later. */
  | { readonly kind: "later" };

/** Errors that pass by themselves (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/). */
const LATER = /^-(?:TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN) /;

/**
 * Reads an error.
 *
 * @param asked who has answered: a redirection without a host leads to another port there
 * @returns `undefined` when it is for the client
 */
export function redirectIn(error: Buffer, asked: NodeAddress): Redirect | undefined {
  const text = error.toString("latin1", 0, 512);
  if (LATER.test(text)) return { kind: "later" };
  const found = /^-(MOVED|ASK) (\d{1,5}) ([^\s]*):(\d{1,5})\r\n$/.exec(text);
  if (found === null) return undefined;
  const [, kind, slot, host = "", port] = found;
  if (Number(slot) >= SLOTS || Number(port) < 1 || Number(port) > 65_535) return undefined;
  const isKnown = host !== "" && host !== "?";
  const node = { host: isKnown ? host.replace(/^\[(.*)\]$/, "$1") : asked.host, port: Number(port) };
  return { kind: kind === "MOVED" ? "moved" : "ask", slot: Number(slot), node };
}
