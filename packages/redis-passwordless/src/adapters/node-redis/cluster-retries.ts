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

/** Sends commands again that were not carried out because the cluster fails over; also transactions, in node-redis 6. */
export function retryUnsent(core: ClusterCore, clock: Clock): void {
  const execute = core._execute;
  core._execute = async (...args) => {
    const startMs = clock.now();
    for (;;) {
      try {
        return await execute.apply(core, args);
      } catch (error) {
        const isLate = clock.now() - startMs >= PATIENCE_MS;
        if (isLate || !core.isOpen || !isUnsent(error, hasPinnedClient(args))) throw error;
      }
      await pause(clock, PAUSE_MS);
    }
  };
}

/** `_execute` of node-redis 6 may be told which client to use: only another call can choose another one. */
function hasPinnedClient(args: readonly unknown[]): boolean {
  return args[4] !== undefined;
}

/**
 * Whether the command was certainly not carried out, and another attempt may be: the cluster is down while it elects
 * a master, or the client of the node was closed before it took the command (`ClientClosedError` of node-redis).
 */
function isUnsent(error: unknown, isPinned: boolean): boolean {
  if (!(error instanceof Error)) return false;
  if (/^(?:CLUSTERDOWN|TRYAGAIN|LOADING)\b/.test(error.message)) return true;
  return !isPinned && (error instanceof NotSentError || error.message === "The client is closed");
}

function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.schedule(resolve, delayMs, { keepAlive: true });
  });
}
