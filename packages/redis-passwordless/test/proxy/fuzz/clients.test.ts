import { once } from "node:events";
import { connect } from "node:net";
import type { Emulator } from "azure-redis-emulator";
import { expect, test } from "vitest";
import { proxies } from "../../cli/proxy-process.js";
import { seededRandom } from "../../support/random.js";
import { record } from "../../support/record.js";
import { LONG } from "../transparency/length.js";
import { type Conversation, conversation } from "./client-bytes.js";
import { FIRST_SEED, goesOn, TIMEOUT_MS } from "./length.js";
import { failureOf, HonestClient, PATIENCE_MS, serves, WatchedProxy } from "./watched-proxy.js";

const PASSWORD = "open-sesame";
/** Clients at the same time. */
const TOGETHER = 12;
const LEAST_ROUNDS = 10;
/** More than a proxy with so few clients ever needs. */
const MOST_RSS_BYTES = 400 * 1_048_576;

interface Door {
  readonly name: string;
  readonly port: number;
  readonly password: string | undefined;
}

/** Writes, leaves, and reads to the end; returns how much came back. */
async function have({ pieces, isAbrupt }: Conversation, { name, port }: Door): Promise<number> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  let received = 0;
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await once(socket, "connect");
  // What the other side has ended is not written to any more.
  socket.on("end", () => socket.end());
  for (const piece of pieces) {
    if (!socket.writable) break;
    socket.write(piece);
    await new Promise(setImmediate);
  }
  if (isAbrupt) socket.destroy();
  else socket.end();
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`${name} hangs, after ${received} bytes, at ${JSON.stringify(describe(pieces))}`));
    }, PATIENCE_MS);
  });
  await Promise.race([closed, patience]).finally(() => clearTimeout(timer));
  return received;
}

function describe(pieces: readonly Buffer[]): string {
  return Buffer.concat(pieces).toString("latin1").slice(0, 3_000);
}

/** Connections to the cache that Azure has ended. */
function cutBy(azure: Emulator): readonly unknown[] {
  return azure.events.filter((event) => event.type === "disconnected" && event.reason === "tokenExpired");
}

test(
  "whatever clients send, the proxy lives, keeps little of it, serves the others, and lets everybody go",
  async (context) => {
    const { azure, cache, proxy, write } = await proxies(context, LONG ? { tokenLifetimeMs: 20_000 } : {});
    const cluster = LONG
      ? await proxies(context, { redis: { cluster: { masters: 3, announce: "unreachableIp" } } })
      : undefined;
    const file = write("password", PASSWORD);
    const running = proxy([
      `direct=${cache},listen=0`,
      `pooled=${cache},listen=0,pool=2`,
      `locked=${cache},listen=0,require-pass-file=${file}`,
      "--http-address=0",
    ]);
    const routing = cluster?.proxy([`routed=${cluster.cache},listen=0,single-endpoint`, "--http-address=0"]);
    const watched = await WatchedProxy.of(running);
    const watchedRouting = routing && (await WatchedProxy.of(routing));
    const doors: Door[] = [
      { name: "direct", port: await running.port("direct"), password: undefined },
      { name: "pooled", port: await running.port("pooled"), password: undefined },
      { name: "locked", port: await running.port("locked"), password: PASSWORD },
    ];
    if (routing) doors.push({ name: "routed", port: await routing.port("routed"), password: undefined });
    const honest = await Promise.all(doors.map(({ port, password }) => HonestClient.to(port, password)));
    const startedAtMs = performance.now();
    const figures = { conversations: 0, bytesIn: 0, bytesOut: 0 };
    let rounds = 0;
    for (; goesOn(rounds, startedAtMs, LEAST_ROUNDS); rounds += 1) {
      const seed = FIRST_SEED + rounds;
      const random = seededRandom(seed);
      const conversations = Array.from({ length: TOGETHER }, () => conversation(random, PASSWORD));
      const talking = conversations.map((one, index) => have(one, doors[index % doors.length]!));
      const silence = new AbortController();
      const over = Promise.all(talking).finally(() => silence.abort());
      const asking = honest.map(async (client) => {
        do await client.ask(seed);
        while (!silence.signal.aborted);
      });
      try {
        const [received] = await Promise.all([over, ...asking]);
        await Promise.all(doors.map(({ port, password }) => serves(port, seed, password)));
        await watched.settled({ direct: 1, pooled: 1, locked: 1 });
        await watchedRouting?.settled({ routed: 1 });
        for (const one of received) figures.bytesOut += one;
      } catch (error) {
        const ends = [azure, ...(cluster ? [cluster.azure] : [])].flatMap(cutBy);
        const ports = doors.map(({ name, port }) => `${name} is on ${port}`).join(", ");
        throw await failureOf(running, seed, error, `(${ports}) ${JSON.stringify(ends.slice(-3))}`);
      }
      figures.conversations += conversations.length;
      for (const { pieces } of conversations) for (const piece of pieces) figures.bytesIn += piece.length;
      expect(watched.rss(), `SEED=${seed}`).toBeLessThan(MOST_RSS_BYTES);
      if (watchedRouting) expect(watchedRouting.rss(), `SEED=${seed}`).toBeLessThan(MOST_RSS_BYTES);
    }
    for (const client of honest) client.close();
    const cut = cutBy(azure);
    record("fuzzing of what clients send", {
      minutes: Math.round((performance.now() - startedAtMs) / 6_000) / 10,
      seeds: `${FIRST_SEED}…${FIRST_SEED + rounds - 1}`,
      ...figures,
      honest: honest.reduce((sum, { asked }) => sum + 3 * asked, 0),
      maxRssMiB: Math.round(watched.maxRssBytes / 1_048_576),
      ...(watchedRouting && { maxRssRoutingMiB: Math.round(watchedRouting.maxRssBytes / 1_048_576) }),
      cutByAzure: cut.length,
    });
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
    if (routing) {
      routing.signal("SIGTERM");
      expect((await routing.ended).code).toBe(143);
    }
  },
  TIMEOUT_MS,
);
