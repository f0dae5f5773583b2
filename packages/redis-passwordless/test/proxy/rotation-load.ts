import { createClient, WatchError } from "redis";
import { expect } from "vitest";
import type { ProxiedCache, RawClient } from "./support.js";

type Client = ReturnType<typeof client>;

function client(url: string, RESP: 2 | 3) {
  return createClient({ url, RESP, socket: { reconnectStrategy: false } });
}

/** Commands of a pipeline. */
const DEEP = 20;

/** Clients that do everything that a rotation could disturb, and know what has to come of it. */
export class Load {
  readonly #errors: Error[] = [];
  readonly #clients: Client[] = [];
  readonly #url: string;
  readonly #heard = new Map<string, string[]>();
  readonly #popped: string[] = [];
  readonly #read: string[] = [];
  readonly #blocked: Promise<void>[] = [];
  #watchers: readonly Client[] = [];
  #swaps = 0;
  #conflicts = 0;
  #counter!: Client;
  #publisher!: Client;
  #caching!: RawClient;

  private constructor(url: string) {
    this.#url = url;
  }

  static async start(cache: ProxiedCache): Promise<Load> {
    const load = new Load(cache.url);
    load.#counter = await load.#open(2);
    load.#publisher = await load.#open(3);
    load.#watchers = [await load.#open(2), await load.#open(3)];
    for (const [name, RESP] of [
      ["RESP2", 2],
      ["RESP3", 3],
    ] as const) {
      const heard: string[] = [];
      load.#heard.set(name, heard);
      await (await load.#open(RESP)).subscribe("news", (message) => heard.push(message));
    }
    load.#blocked.push(load.#pop(await load.#open(2)), load.#follow(await load.#open(3)));
    load.#caching = await cache.raw();
    await load.#caching.write("HELLO 3", "CLIENT TRACKING ON").read(2);
    return load;
  }

  /** Each of them has done something more when it resolves. */
  async round(number: number): Promise<void> {
    const text = String(number);
    const pipeline = Array.from({ length: DEEP }, (_, index) => this.#counter.incr(`n${index % 3}`));
    const [counts] = await Promise.all([
      Promise.all(pipeline),
      this.#counter.multi().incr("tx").incr("tx").exec(),
      ...this.#watchers.map((watcher) => this.#swap(watcher)),
    ]);
    expect(counts.slice(0, 3)).toEqual([0, 1, 2].map((index) => before(number, index) + 1));
    await this.#publisher.publish("news", text);
    await this.#publisher.rPush("queue", text);
    await this.#publisher.xAdd("stream", "*", { text });
    await this.#cache(text);
  }

  /** Everything has come, once and in order, and nobody has failed. */
  async end(rounds: number): Promise<Readonly<Record<string, number>>> {
    await this.#publisher.rPush("queue", "end");
    await this.#publisher.xAdd("stream", "*", { text: "end" });
    await Promise.all(this.#blocked);
    const expected = Array.from({ length: rounds }, (_, index) => String(index));
    expect(this.#popped).toEqual(expected);
    expect(this.#read).toEqual(expected);
    for (const [name, heard] of this.#heard) expect(heard, name).toEqual(expected);
    expect(this.#caching.frames.slice(2)).toEqual(expected.flatMap(cachedFrames));
    const values = await Promise.all(
      ["n0", "n1", "n2", "tx", "swapped"].map((key) => this.#counter.get(key)),
    );
    const counted = [0, 1, 2].map((index) => before(rounds, index));
    expect(values.map(Number)).toEqual([...counted, 2 * rounds, this.#swaps]);
    expect(this.#errors).toEqual([]);
    for (const one of this.#clients) one.destroy();
    this.#caching.socket.destroy();
    return {
      pipelined: DEEP * rounds,
      transactions: rounds,
      swaps: this.#swaps,
      conflicts: this.#conflicts,
      messages: 2 * rounds,
      popped: rounds,
      entries: rounds,
      invalidations: rounds,
    };
  }

  async #open(RESP: 2 | 3): Promise<Client> {
    const opened = client(this.#url, RESP);
    opened.on("error", (error: Error) => this.#errors.push(error));
    this.#clients.push(opened);
    return opened.connect();
  }

  /** BLPOP without an end. */
  async #pop(popper: Client): Promise<void> {
    for (;;) {
      const popped = await popper.blPop("queue", 0);
      if (popped === null || popped.element === "end") return;
      this.#popped.push(popped.element);
    }
  }

  /** XREAD BLOCK without an end. */
  async #follow(reader: Client): Promise<void> {
    for (let id = "0"; ; ) {
      const streams = await reader.xRead({ key: "stream", id }, { BLOCK: 0, COUNT: 1 });
      const [entry] = entriesOf(streams);
      if (entry === undefined || entry.message["text"] === "end") return;
      this.#read.push(entry.message["text"] ?? "");
      ({ id } = entry);
    }
  }

  /** Adds one under WATCH; the other one may have been faster. */
  async #swap(watcher: Client): Promise<void> {
    await watcher.watch("swapped");
    const value = Number(await watcher.get("swapped"));
    try {
      await watcher
        .multi()
        .set("swapped", value + 1)
        .exec();
      this.#swaps += 1;
    } catch (error) {
      if (!(error instanceof WatchError)) throw error;
      this.#conflicts += 1;
    }
  }

  /** Reads a key, which is then told to have changed when somebody writes it. */
  async #cache(text: string): Promise<void> {
    const { frames } = this.#caching;
    await this.#publisher.set("cached", text);
    await this.#caching.write("GET cached").read(frames.length + 1);
    const due = frames.length + 1;
    await this.#publisher.del("cached");
    await this.#caching.read(due);
  }
}

/** What a counter of the pipeline stands at before a round. */
function before(round: number, index: number): number {
  return round * Math.ceil((DEEP - index) / 3);
}

function cachedFrames(text: string): readonly string[] {
  return [`$${text.length}\r\n${text}\r\n`, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$6\r\ncached\r\n"];
}

interface Entry {
  readonly id: string;
  readonly message: Readonly<Record<string, string>>;
}

/** RESP2 lists streams, RESP3 maps their names to entries. */
function entriesOf(streams: unknown): readonly Entry[] {
  if (streams === null) return [];
  const [one] = Array.isArray(streams)
    ? streams
    : [{ messages: Object.values(streams as object)[0] as unknown }];
  return (one as { readonly messages: readonly Entry[] }).messages;
}
