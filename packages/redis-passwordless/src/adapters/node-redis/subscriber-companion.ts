import { errorMonitor } from "node:events";
import type { AttachableClient, RedisArgument } from "./structural.js";

/** Subscriptions and the end of a client, under both of the names that node-redis gives them. */
const SUBSCRIBE = ["subscribe", "pSubscribe", "sSubscribe", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"] as const;
const UNSUBSCRIBE = [
  "unsubscribe",
  "pUnsubscribe",
  "sUnsubscribe",
  "UNSUBSCRIBE",
  "PUNSUBSCRIBE",
  "SUNSUBSCRIBE",
] as const;
const END = ["close", "destroy", "quit", "QUIT", "disconnect"] as const;

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Methods = Record<
  (typeof SUBSCRIBE)[number] | (typeof UNSUBSCRIBE)[number] | (typeof END)[number],
  Method
>;
type SubscriberClient = AttachableClient &
  Methods & {
    connect(): Promise<unknown>;
    emit(event: string, ...args: unknown[]): boolean;
    once(event: string, listener: () => void): unknown;
    off(event: string, listener: () => void): unknown;
  };

/** A companion from the moment it is opened, so that it can be destroyed at any moment. */
interface Companion {
  readonly client: SubscriberClient;
  readonly connected: Promise<unknown>;
}

/** What a companion is made with. */
export interface CompanionOptions {
  /** A new client with the same options that speaks RESP3; not connected. */
  open(): AttachableClient;
  /** Sends a command of our own, outside of the application's transactions. */
  send(args: readonly RedisArgument[], options?: object): Promise<unknown>;
}

/**
 * Serves the subscriptions of a RESP2 client on a connection of their own that speaks RESP3.
 *
 * In RESP2, a connection that is subscribed must not AUTH; in RESP3 it may, between two messages. The messages
 * are the same, so the application notices nothing but that its client can run commands meanwhile.
 */
export class SubscriberCompanion {
  readonly #client: SubscriberClient;
  readonly #options: CompanionOptions;
  #isResp2: boolean | undefined;
  #companion: Companion | undefined;
  /** Settles with the newest subscription, so that an `unsubscribe` right behind it does not overtake it. */
  #subscribing: Promise<unknown> = Promise.resolve();
  /** Aborted when the client ends; a client that is connected again has a new one. */
  #life = new AbortController();

  private constructor(client: SubscriberClient, options: CompanionOptions) {
    this.#client = client;
    this.#options = options;
    // The client has given up reconnecting. `errorMonitor` is no `error` listener: it hides nothing.
    client.on(errorMonitor, (error: Error) => {
      if (!client.isOpen) this.#end(error);
    });
    client.on("end", () => this.#end(closedError()));
  }

  /** Redirects the client's subscriptions, from the first one on, if it turns out to speak RESP2. */
  static install(client: AttachableClient, options: CompanionOptions): void {
    if (client.options?.RESP === 3) return;
    const subscriber = client as SubscriberClient;
    const companion = new SubscriberCompanion(subscriber, options);
    const original = { ...pick(subscriber, [...SUBSCRIBE, ...UNSUBSCRIBE, ...END]) };
    for (const name of SUBSCRIBE) {
      override(subscriber, name, function (this: unknown, ...args) {
        const subscribed = companion.#subscribe(name, args, () => original[name].apply(this, args));
        companion.#subscribing = subscribed.catch(() => {});
        return subscribed;
      });
    }
    for (const name of UNSUBSCRIBE) {
      override(subscriber, name, async function (this: unknown, ...args) {
        await companion.#subscribing;
        return companion.#companion === undefined
          ? original[name].apply(this, args)
          : companion.#unsubscribe(companion.#companion, name, args);
      });
    }
    for (const name of END) {
      override(subscriber, name, function (this: unknown, ...args) {
        companion.#end(closedError());
        return original[name].apply(this, args);
      });
    }
  }

  async #subscribe(
    name: (typeof SUBSCRIBE)[number],
    args: unknown[],
    onItsOwn: () => unknown,
  ): Promise<unknown> {
    const { signal } = this.#life;
    // node-redis queues what is subscribed before `connect`; here it waits for the protocol to be known.
    if (!this.#client.isReady) await untilAborted(this.#ready(signal), signal);
    this.#isResp2 ??= await untilAborted(speaksResp2(this.#client, this.#options), signal);
    signal.throwIfAborted();
    if (!this.#isResp2) return onItsOwn();
    if (this.#companion?.client.isOpen !== true) this.#companion = this.#connect();
    const companion = this.#companion;
    await untilAborted(companion.connected, signal);
    return companion.client[name](...args);
  }

  async #unsubscribe(
    companion: Companion,
    name: (typeof UNSUBSCRIBE)[number],
    args: unknown[],
  ): Promise<unknown> {
    await companion.connected;
    const reply = await companion.client[name](...args);
    if (!companion.client.isPubSubActive) this.#destroy(companion);
    return reply;
  }

  #connect(): Companion {
    const client = this.#options.open() as SubscriberClient;
    // What happens to the subscriptions is reported where the application listens: on its own client.
    client.on("error", (error: unknown) => {
      if (this.#companion?.client === client) this.#client.emit("error", error);
    });
    client.on("sharded-channel-moved", (...args: unknown[]) =>
      this.#client.emit("sharded-channel-moved", ...args),
    );
    const companion = { client, connected: client.connect() };
    companion.connected.catch(() => this.#destroy(companion));
    return companion;
  }

  #destroy(companion: Companion | undefined): void {
    if (this.#companion === companion) this.#companion = undefined;
    if (companion?.client.isOpen === true) companion.client.destroy();
  }

  #ready(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const onReady = (): void => resolve();
      this.#client.once("ready", onReady);
      signal.addEventListener("abort", () => this.#client.off("ready", onReady), { once: true });
    });
  }

  #end(reason: Error): void {
    const ending = this.#life;
    this.#life = new AbortController();
    ending.abort(reason);
    this.#destroy(this.#companion);
  }
}

/**
 * Asks the server, because the default differs between the versions of node-redis: HELLO without arguments
 * changes nothing and tells the protocol (https://redis.io/docs/latest/commands/hello/).
 */
async function speaksResp2(client: AttachableClient, options: CompanionOptions): Promise<boolean> {
  if (client.options?.RESP === 2) return true;
  const reply = await options.send(["HELLO"], { typeMapping: {} });
  // In RESP2 a flat list of names and values, in RESP3 a map.
  return Array.isArray(reply) && Number(reply[reply.indexOf("proto") + 1]) === 2;
}

/** As node-redis words it when a client is closed. */
function closedError(): Error {
  return new Error("The client is closed");
}

/** The promise's outcome, unless the signal is aborted first. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort);
  });
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function pick<Name extends string>(
  client: Record<Name, Method>,
  names: readonly Name[],
): Record<Name, Method> {
  return Object.fromEntries(names.map((name) => [name, client[name]])) as Record<Name, Method>;
}

function override(client: SubscriberClient, name: keyof Methods, value: Method): void {
  Object.defineProperty(client, name, { configurable: true, writable: true, value });
}
