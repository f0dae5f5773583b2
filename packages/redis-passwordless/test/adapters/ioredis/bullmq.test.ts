import { randomUUID } from "node:crypto";
import { type ConnectionOptions, FlowProducer, type Job, Queue, QueueEvents, Worker } from "bullmq";
import { describe, expect, test } from "vitest";
import { IOREDIS, IoCache, type IoRedis, ROTATIONS, type TestContext } from "../../support/io-cache.js";
import { record } from "../../support/record.js";

const QUEUES = 2;
const JOBS = 1_000;

interface Part {
  on(event: "error", listener: (error: Error) => void): unknown;
}

/** Two queues with their producers, workers, events and a flow, all on what `connection` gives. */
class Workshop {
  readonly errors: unknown[] = [];
  /** How often each job has been worked on. */
  readonly worked = new Map<string, number>();
  readonly queues: Queue[];
  readonly #workers: Worker[];
  readonly #events: QueueEvents[];
  readonly #flow: FlowProducer;
  readonly #completed = new Map<string, number>();
  #onCompleted = (): void => {};

  constructor(connection: ConnectionOptions) {
    const names = Array.from({ length: QUEUES }, () => `queue-${randomUUID()}`);
    const options = { connection };
    this.queues = names.map((name) => new Queue(name, options));
    this.#workers = names.map((name) => new Worker(name, async (job) => this.#work(job), options));
    this.#events = names.map((name) => new QueueEvents(name, options));
    this.#flow = new FlowProducer(options);
    const parts: Part[] = [...this.queues, ...this.#workers, ...this.#events, this.#flow];
    for (const part of parts) {
      part.on("error", (error: unknown) => this.errors.push(error));
    }
    for (const events of this.#events) {
      events.on("completed", ({ jobId }) => {
        this.#completed.set(jobId, (this.#completed.get(jobId) ?? 0) + 1);
        this.#onCompleted();
      });
      events.on("failed", ({ failedReason }) => this.errors.push(failedReason));
    }
  }

  async ready(): Promise<void> {
    const parts = [...this.queues, ...this.#workers, ...this.#events];
    await Promise.all(parts.map((part) => part.waitUntilReady()));
  }

  /** Adds a job to the first queue that waits for one in the second. */
  async addFlow(id: string): Promise<void> {
    const [parents, children] = this.queues;
    await this.#flow.add({
      name: "parent",
      queueName: parents?.name ?? "",
      opts: { jobId: `parent-${id}` },
      children: [{ name: "child", queueName: children?.name ?? "", opts: { jobId: `child-${id}` } }],
    });
  }

  /** Resolves when the events have told of that many completed jobs. */
  completed(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onCompleted = () => {
        if (this.#completed.size >= count) resolve();
      };
      this.#onCompleted();
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
    await Promise.all([...this.#events, this.#flow, ...this.queues].map((part) => part.close()));
  }

  #work(job: Job): void {
    const id = job.id ?? "";
    this.worked.set(id, (this.worked.get(id) ?? 0) + 1);
  }
}

/** Works through the jobs evenly over the rotations and checks that each was worked on exactly once. */
async function work(cache: IoCache, workshop: Workshop, name: string): Promise<void> {
  await workshop.ready();
  const over = new AbortController();
  void cache.rotations(ROTATIONS).then(() => over.abort());
  const flows = JOBS / 10;
  for (let added = 0; added < JOBS - 2 * flows; added += QUEUES) {
    await Promise.all(
      workshop.queues.map((queue, index) => queue.add("job", {}, { jobId: `job-${added + index}` })),
    );
    if (added % 8 === 0) await workshop.addFlow(String(added));
  }
  // The rest trickles in until the tokens have changed often enough.
  let more = 0;
  for (; !over.signal.aborted; more += 1) {
    await workshop.queues[0]?.add("job", {}, { jobId: `more-${more}` });
    await workshop.completed(JOBS + more + 1);
  }
  await workshop.completed(JOBS + more);
  await workshop.close();
  expect(workshop.errors).toEqual([]);
  expect(workshop.worked.size).toBe(JOBS + more);
  expect([...workshop.worked.values()].every((times) => times === 1)).toBe(true);
  expect(cache.errors).toEqual([]);
  expect(cache.evictions()).toBe(0);
  record(`7 BullMQ ${name}`, {
    jobs: workshop.worked.size,
    twice: 0,
    errors: 0,
    rotations: ROTATIONS,
    evicted: 0,
  });
}

const start = (context: TestContext, lib: IoRedis): Promise<IoCache> => IoCache.start(context, lib);

describe.concurrent("BullMQ: each job exactly once, no error, nobody evicted", () => {
  test.for(IOREDIS)("on one client of %s", { timeout: 180_000 }, async ([name, lib], context) => {
    const cache = await start(context, lib);
    const client = await cache.one({ maxRetriesPerRequest: null });
    await work(cache, new Workshop(client), `on a client of ${name}`);
  });

  test("from plain options", { timeout: 180_000 }, async (context) => {
    const cache = await start(context, IOREDIS[0][1]);
    const options = cache.adapter.options(cache.options({ maxRetriesPerRequest: null }));
    await work(cache, new Workshop(options), "from plain options");
  });
});
