import { MAINTENANCE_CHANNEL, type MaintenanceNotification, parseMaintenance } from "../azure/maintenance.js";
import { invalidOption } from "../core/errors.js";

export type MaintenanceListener = (notification: MaintenanceNotification) => void;

/** The part of a client or cluster of node-redis that is used here. */
export interface NodeRedisSubscriber {
  duplicate(): NodeRedisSubscriber;
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  emit(event: "error", error: Error): unknown;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
}

/** The part of a client or cluster of ioredis or iovalkey that is used here. */
export interface IoRedisSubscriber {
  duplicate(): IoRedisSubscriber;
  disconnect(): void;
  on(event: string, listener: (...args: never[]) => void): unknown;
  emit(event: string, ...args: unknown[]): boolean;
  listenerCount(event: string): number;
  subscribe(...channels: string[]): Promise<unknown>;
}

/** Listens on a duplicate of a node-redis client, whose errors are the client's. */
export async function listenWithNodeRedis(
  client: NodeRedisSubscriber,
  listener: MaintenanceListener,
): Promise<AsyncDisposable> {
  assertArguments(client, listener);
  const subscriber = client.duplicate();
  subscriber.on("error", (error) => client.emit("error", error));
  try {
    await subscriber.connect();
    await subscriber.subscribe(MAINTENANCE_CHANNEL, (message) => tell(listener, message));
  } catch (error) {
    subscriber.destroy();
    throw error;
  }
  return { [Symbol.asyncDispose]: async () => subscriber.destroy() };
}

/** Listens on a duplicate of an ioredis client, whose errors are the client's. */
export async function listenWithIoRedis(
  client: IoRedisSubscriber,
  listener: MaintenanceListener,
): Promise<AsyncDisposable> {
  assertArguments(client, listener);
  const subscriber = client.duplicate();
  subscriber.on("error", (error: Error) => {
    // ioredis's own clients do not throw for want of a listener.
    if (client.listenerCount("error") > 0) client.emit("error", error);
  });
  subscriber.on("message", (channel: string, message: string) => {
    if (channel === MAINTENANCE_CHANNEL) tell(listener, message);
  });
  try {
    await subscriber.subscribe(MAINTENANCE_CHANNEL);
  } catch (error) {
    subscriber.disconnect();
    throw error;
  }
  return { [Symbol.asyncDispose]: async () => subscriber.disconnect() };
}

function tell(listener: MaintenanceListener, message: string): void {
  const notification = parseMaintenance(message);
  if (notification !== undefined) listener(notification);
}

function assertArguments(client: { readonly duplicate?: unknown } | undefined, listener: unknown): void {
  if (typeof client?.duplicate !== "function") throw invalidOption("client", "a client or a cluster", client);
  if (typeof listener !== "function") throw invalidOption("listener", "a function", listener);
}
