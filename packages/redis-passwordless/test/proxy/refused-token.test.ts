import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { logIn } from "../../src/inband/login.js";
import { InbandSession } from "../../src/inband/session.js";
import { ClientDesk } from "../../src/proxy/client-desk.js";
import { ClientLink } from "../../src/proxy/client-link.js";
import { serverReads, withSharedReads } from "../../src/proxy/io/shared-reads.js";
import type { InstanceCounters } from "../../src/proxy/status.js";
import { NEVER_DUE, Workbench } from "../inband/support.js";
import { record } from "../support/record.js";

/** A million with `LONG=1`; the server is that of `REDIS_SERVER_BIN`. */
const REPLIES = process.env["LONG"] === undefined ? 60_000 : 1_000_000;
const BATCH = 100;
const BATCHES = 8;
/** So many at least are accepted, and as many refused. */
const LOGINS = 10;
const BETWEEN_MS = 3;

/**
 * Since Redis 7.2 a failing AUTH with replies pending may get no reply (https://github.com/redis/redis/issues/15640):
 * whoever counts replies then hands one command's answer to another.
 */
test("no reply is lost or changed while every second login fails, in the middle of a pipeline", async (context) => {
  const bench = await Workbench.start(context);
  const { client, session } = await joined(bench, context);
  const over = new AbortController();
  let accepted = 0;
  let refused = 0;
  const logins = (async () => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      await session.authenticate(turn % 2 === 0 ? bench.good : bench.bad).then(
        () => (accepted += 1),
        () => (refused += 1),
      );
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
  })();
  let received = "";
  let heard = (): void => {};
  client.setEncoding("latin1").on("data", (text: string) => {
    received += text;
    heard();
  });
  let wrong = 0;
  const underWay: string[] = [];
  const isEnough = (sent: number): boolean => sent >= REPLIES && Math.min(accepted, refused) > LOGINS;
  let sent = 0;
  while (!isEnough(sent) || underWay.length > 0) {
    if (!isEnough(sent)) {
      const numbers = Array.from({ length: BATCH }, (_, index) => String(sent + index));
      const bulks = numbers.map((number) => `$${number.length}\r\n${number}\r\n`);
      client.write(bulks.map((bulk) => `*2\r\n$4\r\nECHO\r\n${bulk}`).join(""));
      underWay.push(bulks.join(""));
      sent += BATCH;
      // Some batches are always under way, so that logins meet replies that are pending.
      if (underWay.length < BATCHES) continue;
    }
    const expected = underWay.shift() ?? "";
    while (received.length < expected.length) {
      await new Promise<void>((resolve) => {
        heard = resolve;
      });
    }
    if (!received.startsWith(expected)) wrong += 1;
    received = received.slice(expected.length);
  }
  expect(received).toBe("");
  over.abort();
  await logins;
  record("proxy: every second login fails", { replies: sent, accepted, refused, wrong });
  expect(wrong).toBe(0);
}, 120_000);

/** A client whose connection leads through a session, as the proxy makes it. */
async function joined(
  bench: Workbench,
  context: { onTestFinished(finish: () => void): void },
): Promise<{ readonly client: Socket; readonly session: InbandSession }> {
  const { reads, onread } = serverReads();
  const server = connect({ host: "127.0.0.1", port: bench.server.port, onread });
  reads.of(server);
  await once(server, "connect");
  const { markers } = await logIn(server, "server", bench.good, AbortSignal.timeout(10_000));
  const listener = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const accepted = once(listener, "connection");
  const client = connect({ host: "127.0.0.1", port: (listener.address() as { port: number }).port });
  const [socket] = (await accepted) as [Socket];
  const counters = { bytesIn: 0, bytesOut: 0 } as InstanceCounters;
  const link = new ClientLink({ socket: server, reads }, counters);
  const session = new InbandSession(link, {
    label: "server",
    markers,
    token: bench.good,
    desk: new ClientDesk(undefined),
    schedule: NEVER_DUE,
  });
  link.bind(withSharedReads(socket));
  context.onTestFinished(() => {
    client.destroy();
    server.destroy();
    listener.close();
  });
  return { client, session };
}
