import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Clients, type Guest } from "../../src/proxy/clients.js";
import type { ServedClient } from "../../src/proxy/served-client.js";
import { ManualClock } from "../../src/testing/index.js";
import { seededRandom } from "../support/random.js";

/** The timer of a connection as the kernel has it: 02 is that of keep-alive. @see proc_net_tcp.txt */
function timerOf({ localPort, remotePort }: Socket): string | undefined {
  const [local, remote] = [localPort!, remotePort!].map((port) => `:${port.toString(16).toUpperCase()}`);
  const rows = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((row) => row.trim().split(/\s+/));
  const row = rows.find(([, from, to]) => from?.endsWith(`${local}`) && to?.endsWith(`${remote}`));
  return row?.[5]?.split(":", 1)[0];
}

test.runIf(process.platform === "linux")(
  "TCP looks after clients who stay, so that one whose machine has vanished is noticed",
  async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const accept = async (): Promise<Socket> => {
      const accepted = once(server, "connection");
      const far = connect((server.address() as { port: number }).port, "127.0.0.1");
      onTestFinished(() => void far.destroy());
      return ((await accepted) as [Socket])[0];
    };
    onTestFinished(() => void server.close());
    const clock = new ManualClock();
    const clients = new Clients(clock);
    const [one, other, left] = [await accept(), await accept(), await accept()];
    const guests = [one, left, other].map((socket) => clients.add(serving(), socket));
    clients.delete(guests[1]!);
    expect(timerOf(one)).toBe("00");
    await clock.advance(5_000);
    expect([one, other, left].map(timerOf)).toEqual(["02", "02", "00"]);
    const late = await accept();
    clients.add(serving(), late);
    await clock.advance(5_000);
    expect(timerOf(late)).toBe("02");
  },
);

/** Whoever serves a client; here nobody asks. */
function serving(): ServedClient {
  return {
    ended: new Promise(() => {}),
    isIdle: true,
    dismiss: () => {},
    destroy: () => {},
  };
}

test("whoever is there is listed once, in whatever order they come and go", () => {
  const clients = new Clients(new ManualClock());
  const here = new Map<ServedClient, Guest>();
  const random = seededRandom(7);
  for (let step = 0; step < 2_000; step += 1) {
    const left = [...here][Math.floor(random() * 2 * here.size)];
    if (left === undefined) {
      const session = serving();
      here.set(session, clients.add(session, new Socket()));
    } else {
      here.delete(left[0]);
      clients.delete(left[1]);
    }
    const listed = new Set(clients);
    expect([clients.size, listed.size]).toEqual([here.size, here.size]);
    expect([...listed].every((session) => here.has(session))).toBe(true);
  }
});
