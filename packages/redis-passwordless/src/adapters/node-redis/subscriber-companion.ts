import type { AttachableClient } from "./structural.js";

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
  Methods & { connect(): Promise<unknown>; emit(event: string, ...args: unknown[]): boolean };

/**
 * Serves the subscriptions of a RESP2 client on a connection of their own that speaks RESP3.
 *
 * In RESP2, a connection that is subscribed must not AUTH; in RESP3 it may, between two messages. The messages
 * are the same, so the application notices nothing but that its client can run commands meanwhile.
 */
export class SubscriberCompanion {
  readonly #client: SubscriberClient;
  readonly #open: () => AttachableClient;
  #companion: Promise<SubscriberClient> | undefined;

  private constructor(client: SubscriberClient, open: () => AttachableClient) {
    this.#client = client;
    this.#open = open;
  }

  /** Redirects the client's subscriptions, from the first one on, if it turns out to speak RESP2. */
  static install(client: AttachableClient, open: () => AttachableClient): void {
    if (client.options?.RESP === 3) return;
    const subscriber = client as SubscriberClient;
    const companion = new SubscriberCompanion(subscriber, open);
    const original = { ...pick(subscriber, [...SUBSCRIBE, ...UNSUBSCRIBE, ...END]) };
    let isResp2: Promise<boolean> | undefined;
    for (const name of SUBSCRIBE) {
      override(subscriber, name, async function (this: unknown, ...args) {
        isResp2 ??= speaksResp2(subscriber).catch((error: unknown) => {
          isResp2 = undefined;
          throw error;
        });
        return (await isResp2) ? companion.#subscribe(name, args) : original[name].apply(this, args);
      });
    }
    for (const name of UNSUBSCRIBE) {
      override(subscriber, name, async function (this: unknown, ...args) {
        return companion.#companion === undefined
          ? original[name].apply(this, args)
          : companion.#unsubscribe(name, args);
      });
    }
    for (const name of END) {
      override(subscriber, name, function (this: unknown, ...args) {
        companion.#end();
        return original[name].apply(this, args);
      });
    }
  }

  async #subscribe(name: (typeof SUBSCRIBE)[number], args: unknown[]): Promise<unknown> {
    this.#companion ??= this.#connect();
    const companion = await this.#companion;
    return companion[name](...args);
  }

  async #unsubscribe(name: (typeof UNSUBSCRIBE)[number], args: unknown[]): Promise<unknown> {
    const companion = await this.#companion;
    const reply = await companion?.[name](...args);
    if (companion?.isPubSubActive === false) this.#end();
    return reply;
  }

  async #connect(): Promise<SubscriberClient> {
    const companion = this.#open() as SubscriberClient;
    // What happens to the subscriptions is reported where the application listens: on its own client.
    companion.on("error", (error: unknown) => this.#client.emit("error", error));
    companion.on("sharded-channel-moved", (...args: unknown[]) =>
      this.#client.emit("sharded-channel-moved", ...args),
    );
    try {
      await companion.connect();
    } catch (error) {
      this.#companion = undefined;
      throw error;
    }
    return companion;
  }

  #end(): void {
    const ending = this.#companion;
    this.#companion = undefined;
    ending?.then(
      (companion) => companion.destroy(),
      () => {}, // It never connected; whoever subscribed has heard.
    );
  }
}

/**
 * Asks the server, because the default differs between the versions of node-redis: HELLO without arguments
 * changes nothing and tells the protocol (https://redis.io/docs/latest/commands/hello/).
 */
async function speaksResp2(client: AttachableClient): Promise<boolean> {
  if (client.options?.RESP === 2) return true;
  // In RESP2 the reply is a flat list of names and values, in RESP3 a map.
  return Array.isArray(await client.sendCommand(["HELLO"]));
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
