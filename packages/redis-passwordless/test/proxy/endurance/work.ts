import type { createClient } from "redis";

/** What a client does again and again; `end` leaves nothing behind that waits. */
export interface Work {
  round(): Promise<void>;
  end?(): Promise<void>;
}

type RedisClient = ReturnType<typeof createClient>;

/** Where clients come from. */
export interface Desk {
  /** A client that stays; an error of its connection is one of the test. */
  readonly open: (options?: {
    readonly RESP?: 2 | 3;
    readonly emitInvalidate?: boolean;
  }) => Promise<RedisClient>;
  /** One of the few clients that write what others wait for. */
  readonly writer: RedisClient;
  /** A name that nobody else uses. */
  readonly key: string;
}

type Begin = (desk: Desk) => Promise<Work>;

function must(is: boolean, told: () => unknown): void {
  if (!is) throw new Error(JSON.stringify(told()));
}

function equal(actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  must(got === wanted, () => ({ got, wanted }));
}

/** A reply that is looked at in the next round, also when it is an error. */
function heldFor<T>(reply: Promise<T>): Promise<T> {
  reply.catch(() => {});
  return reply;
}

const DEPTH = 10;

const pipeline =
  (RESP: 2 | 3): Begin =>
  async ({ open, key }) => {
    const client = await open({ RESP });
    let count = 0;
    return {
      async round() {
        const replies = await Promise.all(Array.from({ length: DEPTH }, () => client.incr(key)));
        const expected = Array.from({ length: DEPTH }, (_, index) => count + index + 1);
        equal(replies, expected);
        count += DEPTH;
      },
    };
  };

const transaction: Begin = async ({ open, key }) => {
  const client = await open();
  let count = 0;
  return {
    async round() {
      const replies = await client.multi().incr(key).get(key).incr(key).exec();
      equal(replies, [count + 1, String(count + 1), count + 2]);
      count += 2;
    },
  };
};

/** Command by command, so that it is open when a login would be due. */
const transactionByHand: Begin = async ({ open, key }) => {
  const client = await open({ RESP: 2 });
  let count = 0;
  return {
    async round() {
      equal(await client.sendCommand(["MULTI"]), "OK");
      equal(await client.sendCommand(["INCR", key]), "QUEUED");
      await new Promise(setImmediate);
      equal(await client.sendCommand(["INCR", key]), "QUEUED");
      count += 2;
      equal(await client.sendCommand(["EXEC"]), [count - 1, count]);
    },
  };
};

const watch: Begin = async ({ open, key }) => {
  const client = await open();
  await client.set(key, 0);
  let count = 0;
  return {
    async round() {
      await client.watch(key);
      equal(await client.get(key), String(count));
      count += 1;
      equal(await client.multi().set(key, count).exec(), ["OK"]);
    },
  };
};

const subscriber =
  (RESP: 2 | 3): Begin =>
  async ({ open, writer, key }) => {
    const client = await open({ RESP });
    const wrong: string[] = [];
    let sent = 0;
    let heard = 0;
    let onHeard = (): void => {};
    await client.subscribe(key, (message) => {
      heard += 1;
      if (message !== String(heard)) wrong.push(`${message} instead of ${heard}`);
      onHeard();
    });
    return {
      async round() {
        const comes = new Promise<void>((resolve) => {
          onHeard = resolve;
        });
        sent += 1;
        equal(await writer.publish(key, String(sent)), 1);
        await comes;
        equal([heard, wrong], [sent, []]);
      },
    };
  };

/** Blocked from one round to the next, so also while tokens rotate. */
const blockedPop: Begin = async ({ open, writer, key }) => {
  const client = await open();
  let count = 0;
  const pop = (): Promise<string | undefined> =>
    heldFor(client.blPop(key, 0).then((popped) => popped?.element));
  let popped = pop();
  return {
    async round() {
      count += 1;
      await writer.rPush(key, String(count));
      equal(await popped, String(count));
      popped = pop();
    },
    async end() {
      await writer.rPush(key, "end");
      await popped;
    },
  };
};

const blockedRead: Begin = async ({ open, writer, key }) => {
  const client = await open({ RESP: 2 });
  let last = "0";
  const read = (): Promise<unknown> =>
    heldFor<unknown>(client.sendCommand(["XREAD", "BLOCK", "0", "STREAMS", key, last]));
  let entries = read();
  const next = async (): Promise<void> => {
    const id = await writer.xAdd(
      key,
      "*",
      { field: "value" },
      { TRIM: { strategy: "MAXLEN", threshold: 10 } },
    );
    equal(await entries, [[key, [[id, ["field", "value"]]]]]);
    last = id;
  };
  return {
    async round() {
      await next();
      entries = read();
    },
    end: next,
  };
};

const tracker: Begin = async ({ open, writer, key }) => {
  const client = await open({ RESP: 3, emitInvalidate: true });
  let count = 0;
  const invalidated: string[] = [];
  let onInvalidated = (): void => {};
  client.on("invalidate", (name: Buffer | string | null) => {
    invalidated.push(String(name));
    onInvalidated();
  });
  return {
    async round() {
      equal(await client.get(key), count === 0 ? null : String(count));
      count += 1;
      const comes = new Promise<void>((resolve) => {
        onInvalidated = resolve;
      });
      await writer.set(key, count);
      await comes;
      equal(invalidated.splice(0), [key]);
    },
  };
};

/** Does nothing for as long as the test lasts, and then finds all as it was. */
const idle =
  (RESP: 2 | 3): Begin =>
  async ({ open, key }) => {
    const client = await open({ RESP });
    await client.set(key, "kept");
    return { round: async () => {}, end: async () => equal(await client.get(key), "kept") };
  };

/** Connects for one request, and leaves. */
const visitor: Begin = async ({ open, key }) => {
  let count = 0;
  return {
    async round() {
      const client = await open();
      count += 1;
      equal(await client.incr(key), count);
      await client.close();
    },
  };
};

/** Clients of every kind, and how many of 200 they are; a few more write what these wait for. */
export const KINDS: Readonly<Record<string, { readonly begin: Begin; readonly of200: number }>> = {
  "pipeline RESP2": { begin: pipeline(2), of200: 20 },
  "pipeline RESP3": { begin: pipeline(3), of200: 20 },
  transaction: { begin: transaction, of200: 15 },
  "transaction by hand": { begin: transactionByHand, of200: 15 },
  watch: { begin: watch, of200: 10 },
  "subscriber RESP2": { begin: subscriber(2), of200: 20 },
  "subscriber RESP3": { begin: subscriber(3), of200: 20 },
  "blocked pop": { begin: blockedPop, of200: 15 },
  "blocked read": { begin: blockedRead, of200: 10 },
  tracker: { begin: tracker, of200: 10 },
  "idle RESP2": { begin: idle(2), of200: 10 },
  "idle RESP3": { begin: idle(3), of200: 10 },
  visitor: { begin: visitor, of200: 20 },
};
