import { setInterval } from "node:timers/promises";
import type { ClusterClient } from "./azure-cluster.js";

/** So many lists hit every node of a small cluster, and most of them a slot of their own. */
export const LISTS = 300;

export interface Acknowledged {
  readonly list: number;
  readonly value: string;
  readonly atMs: number;
}

/** What a client needs to be able to do for that. */
export type WritingClient = Pick<ClusterClient, "name" | "rPush" | "lRange">;

/** Appends the numbers 0, 1, 2 … to lists of its own until it is told to stop, and knows which were acknowledged. */
export class NumberedWrites<Client extends WritingClient = ClusterClient> {
  readonly acknowledged: Acknowledged[] = [];
  readonly failed: { readonly error: Error; readonly atMs: number }[] = [];
  readonly client: Client;
  readonly #pending = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #writing: Promise<void>;

  constructor(client: Client, perSecond: number) {
    this.client = client;
    this.#writing = this.#write(perSecond);
  }

  /** The key of a list: the same slot for each client. */
  key(list: number): string {
    return `${this.client.name}:{${list}}`;
  }

  get sent(): number {
    return this.acknowledged.length + this.failed.length + this.#pending.size;
  }

  /** Resolves when every command is settled. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#writing;
    await Promise.all(this.#pending);
  }

  /** Acknowledged writes that are not there, and values that are there more than once. */
  async examine(): Promise<{ readonly lost: Acknowledged[]; readonly twice: number }> {
    const lists = await Promise.all(
      Array.from({ length: LISTS }, (_, list) => this.client.lRange(this.key(list))),
    );
    const present = lists.map((values) => new Set(values));
    const lost = this.acknowledged.filter(({ list, value }) => !present[list]!.has(value));
    const twice = lists.reduce((sum, values, list) => sum + values.length - present[list]!.size, 0);
    return { lost, twice };
  }

  async #write(perSecond: number): Promise<void> {
    const tickMs = 10;
    let [owed, number] = [0, 0];
    for await (const _ of setInterval(tickMs)) {
      if (this.#stop.signal.aborted) return;
      for (owed += (perSecond * tickMs) / 1_000; owed >= 1; owed -= 1) {
        const writing = this.#append(number % LISTS, String(number)).finally(() =>
          this.#pending.delete(writing),
        );
        this.#pending.add(writing);
        number += 1;
      }
    }
  }

  async #append(list: number, value: string): Promise<void> {
    try {
      await this.client.rPush(this.key(list), value);
      this.acknowledged.push({ list, value, atMs: Date.now() });
    } catch (error) {
      this.failed.push({ error: error as Error, atMs: Date.now() });
    }
  }
}
