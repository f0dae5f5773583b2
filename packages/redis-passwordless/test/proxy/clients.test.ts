import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { KeepAlive } from "../../src/proxy/io/keep-alive.js";
import { ManualClock } from "../../src/testing/index.js";

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
    const keepAlive = new KeepAlive(clock);
    const [one, other, left] = [await accept(), await accept(), await accept()];
    for (const client of [one, other, left]) keepAlive.add(client);
    keepAlive.delete(left);
    expect(timerOf(one)).toBe("00");
    await clock.advance(5_000);
    expect([one, other, left].map(timerOf)).toEqual(["02", "02", "00"]);
    const late = await accept();
    keepAlive.add(late);
    await clock.advance(5_000);
    expect(timerOf(late)).toBe("02");
  },
);
