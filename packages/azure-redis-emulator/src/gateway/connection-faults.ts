import type { Socket } from "node:net";
import type { ActiveFault, ConnectionFault } from "../api.js";

export interface ConnectionFaultScope {
  readonly times?: number;
  /** Index of the node; default all. */
  readonly node?: number;
}

interface Entry {
  readonly fault: ConnectionFault;
  readonly node: number | undefined;
  left: number;
  applied: number;
}

const KINDS: readonly string[] = ["silent", "reset", "close"] satisfies ConnectionFault["kind"][];
const STAGES: readonly string[] = ["connected", "encrypted"] satisfies ConnectionFault["stage"][];

/** The faults that connections meet before anybody can log in, in the order of their injection. */
export class ConnectionFaults {
  readonly #entries = new Set<Entry>();

  inject(fault: ConnectionFault, { times = Infinity, node }: ConnectionFaultScope = {}): ActiveFault {
    if (!KINDS.includes(fault.kind)) {
      throw new RangeError(`"kind" must be "silent", "reset" or "close"; got ${JSON.stringify(fault.kind)}.`);
    }
    if (fault.stage !== undefined && !STAGES.includes(fault.stage)) {
      throw new RangeError(`"stage" must be "connected" or "encrypted"; got ${JSON.stringify(fault.stage)}.`);
    }
    if (times !== Infinity && !(Number.isInteger(times) && times > 0)) {
      throw new RangeError(`"times" must be a whole number above 0; got ${times}.`);
    }
    const entry: Entry = { fault, node, left: times, applied: 0 };
    this.#entries.add(entry);
    const remove = (): void => {
      this.#entries.delete(entry);
    };
    return {
      get applied() {
        return entry.applied;
      },
      remove,
      [Symbol.dispose]: remove,
    };
  }

  /** The fault that a connection to a node meets at this stage, counted as applied. */
  take(stage: NonNullable<ConnectionFault["stage"]>, node: number): ConnectionFault["kind"] | undefined {
    for (const entry of this.#entries) {
      const { fault, left } = entry;
      const isMeant = entry.node === undefined || entry.node === node;
      if (left === 0 || !isMeant || (fault.stage ?? "connected") !== stage) continue;
      entry.left--;
      entry.applied++;
      return fault.kind;
    }
    return undefined;
  }
}

/**
 * Does it to a connection of which nothing has been read yet.
 *
 * @param wire the socket below TLS, where `socket` is one of TLS's: only that one can be reset
 */
export function applyConnectionFault(kind: ConnectionFault["kind"], socket: Socket, wire = socket): void {
  socket.on("error", () => undefined);
  // Its own half stays open otherwise (`allowHalfOpen`), and so does the connection.
  socket.on("end", () => socket.destroy());
  socket.resume();
  if (kind === "close") socket.end();
  // In the middle of the handshake, when the client has said its part.
  if (kind === "reset") socket.once("data", () => wire.resetAndDestroy());
}
