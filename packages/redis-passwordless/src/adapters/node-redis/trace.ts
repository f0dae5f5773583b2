import { channel, tracingChannel } from "node:diagnostics_channel";

/**
 * node-redis publishes every command on the tracing channel `node-redis:command`, and its connections on
 * `node-redis:connection:ready` and `…:closed` (its documented diagnostics; checked with 5.12.1 and 6.3.1). A
 * permanent subscription to the commands costs 13 % of throughput, so it lasts for one synchronous call;
 * the connections' channels cost nothing between connects.
 */
const COMMANDS = tracingChannel<unknown, CommandContext>("node-redis:command");
const READY = channel("node-redis:connection:ready");
const CLOSED = channel("node-redis:connection:closed");

interface CommandContext {
  readonly clientId?: string;
  readonly serverAddress?: string;
  readonly serverPort?: number;
  result?: unknown;
  error?: unknown;
}

export type Outcome = { readonly result: unknown } | { readonly error: unknown };

export interface TracedCommand {
  /** Which client sent it: node-redis's own id. */
  readonly clientId: string;
  /** The server as the client was told to reach it. */
  readonly server: string;
  /** Its reply, or its error. Never rejects. */
  readonly outcome: Promise<Outcome>;
}

/**
 * Calls `send` and returns the one command that node-redis issued in it, with its client and its outcome:
 * things that a credentials provider is told in no other way. `undefined` when no command was issued.
 */
export function traceCommand(send: () => void): TracedCommand | undefined {
  let traced: TracedCommand | undefined;
  const onStart = (message: unknown): void => {
    traced ??= observe(message as CommandContext);
  };
  COMMANDS.start.subscribe(onStart);
  try {
    send();
  } finally {
    COMMANDS.start.unsubscribe(onStart);
  }
  return traced;
}

/** Node.js sets `result` or `error` on the context of a traced promise when it settles; see `tracePromise`. */
function observe(context: CommandContext): TracedCommand {
  const outcome = new Promise<Outcome>((resolve) => {
    onAssignment(context, "result", (result) => resolve({ result }));
    onAssignment(context, "error", (error) => resolve({ error }));
  });
  const server = `${context.serverAddress ?? "redis"}${context.serverPort === undefined ? "" : `:${context.serverPort}`}`;
  return { clientId: context.clientId ?? "", server, outcome };
}

function onAssignment(
  context: CommandContext,
  property: "result" | "error",
  report: (value: unknown) => void,
): void {
  let value: unknown;
  Object.defineProperty(context, property, {
    configurable: true,
    enumerable: true,
    get: () => value,
    set(next: unknown) {
      value = next;
      report(next);
    },
  });
}

export type ConnectionState = "up" | "lost" | "closed";

/** Reports the ids of clients whose connections come up, are lost, or are closed by the application. */
export function watchConnections(report: (clientId: string, state: ConnectionState) => void): Disposable {
  const onReady = (message: unknown): void => report(idOf(message), "up");
  const onClosed = (message: unknown): void => {
    const { reason } = message as { readonly reason?: string };
    report(idOf(message), reason === "application_close" ? "closed" : "lost");
  };
  READY.subscribe(onReady);
  CLOSED.subscribe(onClosed);
  return {
    [Symbol.dispose]: () => {
      READY.unsubscribe(onReady);
      CLOSED.unsubscribe(onClosed);
    },
  };
}

function idOf(message: unknown): string {
  return (message as CommandContext).clientId ?? "";
}
