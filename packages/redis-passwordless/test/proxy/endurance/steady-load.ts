import { setInterval } from "node:timers/promises";
import { createClient } from "redis";
import { type Desk, KINDS, type Work } from "./work.js";

/** How long a round may take before it counts as one that does not end, in milliseconds. */
const STUCK_MS = 20_000;
/** Clients that write what others wait for. */
const WRITERS = 5;

type RedisClient = ReturnType<typeof createClient>;

export interface LoadOptions {
  readonly port: number;
  /** Clients in all. */
  readonly clients: number;
  /** From one round of a client to its next, in milliseconds. */
  readonly periodMs: number;
  /** Kinds of work that this proxy does not offer. */
  readonly without?: readonly string[];
}

/** Clients of every kind that work steadily, each of which knows what it has to get. */
export class SteadyLoad {
  /** What was not as it should have been. */
  readonly wrong: string[] = [];
  rounds = 0;
  readonly #options: LoadOptions;
  readonly #over = new AbortController();
  readonly #clients: RedisClient[] = [];
  readonly #working: Promise<void>[] = [];

  private constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Resolves when all clients are connected and at work. */
  static async start(options: LoadOptions): Promise<SteadyLoad> {
    const load = new SteadyLoad(options);
    const writers = await Promise.all(Array.from({ length: WRITERS }, (_, n) => load.#open(`writer ${n}`)));
    const kinds = Object.entries(KINDS).filter(([kind]) => options.without?.includes(kind) !== true);
    const scale = (options.clients - WRITERS) / kinds.reduce((sum, [, { of200 }]) => sum + of200, 0);
    let [due, begun] = [0, 0];
    const begins = kinds.flatMap(([kind, { begin, of200 }]) => {
      due += of200 * scale;
      const count = Math.round(due) - begun;
      begun += count;
      return Array.from({ length: count }, (_, index) => {
        const key = `${kind} ${index}`;
        const open: Desk["open"] = (more) => load.#open(key, more);
        return begin({ key, open, writer: writers[index % WRITERS]! }).then((work) => [key, work] as const);
      });
    });
    for (const [index, [key, work]] of (await Promise.all(begins)).entries()) {
      load.#working.push(load.#work(key, work, (index / begun) * options.periodMs));
    }
    return load;
  }

  /** Resolves when every round is over and every client has gone. */
  async stop(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#working);
    for (const client of this.#clients) client.destroy();
  }

  async #open(name: string, options: Parameters<Desk["open"]>[0] = {}): Promise<RedisClient> {
    const socket = { port: this.#options.port, reconnectStrategy: false } as const;
    const client: RedisClient = createClient<never, never, never, 2 | 3>({ RESP: 3, ...options, socket });
    client.on("error", (error: Error) => this.wrong.push(`${name}: ${error.message}`));
    this.#clients.push(client);
    client.on("end", () => this.#clients.splice(this.#clients.indexOf(client), 1));
    return client.connect();
  }

  async #work(key: string, work: Work, offsetMs: number): Promise<void> {
    const { periodMs } = this.#options;
    try {
      for await (const _ of setInterval(Math.max(1, offsetMs))) break;
      for await (const _ of setInterval(periodMs)) {
        if (this.#over.signal.aborted) break;
        await unlessStuck(work.round());
        this.rounds += 1;
      }
      if (work.end) await unlessStuck(work.end());
    } catch (error) {
      this.wrong.push(`${key}: ${(error as Error).message}`);
    }
  }
}

async function unlessStuck(done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it waits for ${STUCK_MS} ms already`)), STUCK_MS);
  });
  try {
    await Promise.race([done, stuck]);
  } finally {
    clearTimeout(timer);
  }
}
