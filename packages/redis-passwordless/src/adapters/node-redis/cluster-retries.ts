import type { Clock } from "../../core/clock.js";
import type { ClusterCore } from "./cluster-core.js";

/** How long a command is kept from failing, in milliseconds: an unplanned failover takes 10 to 15 s. */
const PATIENCE_MS = 30_000;

/** The pause before the next attempt, in milliseconds. */
const PAUSE_MS = 100;

/** What a command is rejected with that waited for a node until the node was replaced. */
export class NotSentError extends Error {
  override readonly name = "NotSentError";

  constructor() {
    super("The node was replaced before this command was sent");
  }
}

/**
 * Sends commands again that were not carried out because the cluster fails over, and commands that only read when
 * their connection broke; also transactions, in node-redis 6.
 */
export function retryUnsent(core: ClusterCore, clock: Clock): void {
  const execute = core._execute;
  core._execute = async (...args) => {
    const startMs = clock.now();
    for (;;) {
      try {
        return await execute.apply(core, args);
      } catch (error) {
        const isLate = clock.now() - startMs >= PATIENCE_MS;
        if (isLate || !core.isOpen || !mayRepeat(error, args)) throw error;
      }
      await pause(clock, PAUSE_MS);
    }
  };
}

/**
 * Whether another attempt does no harm, and may succeed: the cluster is down while it elects a master, or the client
 * of the node was closed before it took the command. The messages are those of node-redis's own errors, whose classes
 * are the application's.
 */
function mayRepeat(error: unknown, args: readonly unknown[]): boolean {
  if (!(error instanceof Error)) return false;
  const { message } = error;
  if (/^(?:CLUSTERDOWN|TRYAGAIN|LOADING)\b/.test(message)) return true;
  // In node-redis 6 a command may be tied to a client: only another call can choose another one.
  const [, isReadOnly, , , pinnedClient] = args;
  if (pinnedClient !== undefined) return false;
  if (error instanceof NotSentError || message === "The client is closed") return true;
  return isReadOnly === true && /^(?:Socket closed unexpectedly|Disconnects client)$/.test(message);
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(resolve, delayMs, { keepAlive: true });
  });
}
