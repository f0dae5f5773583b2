import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { withSharedReads } from "../../src/proxy/io/shared-reads.js";
import { type ListenAddress, Listener } from "../../src/proxy/listener.js";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "listener-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function whyNot(address: ListenAddress): Promise<string> {
  return Listener.open(address, () => {}).then(
    () => "it listens",
    (error: Error) => error.message,
  );
}

/** The timer of a connection as the kernel has it: 02 is that of keep-alive. @see proc_net_tcp.txt */
function timerOf(localPort: number, remotePort: number): string | undefined {
  const [local, remote] = [localPort, remotePort].map((port) => `:${port.toString(16).toUpperCase()}`);
  const rows = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((row) => row.trim().split(/\s+/));
  const row = rows.find(([, from, to]) => from?.endsWith(`${local}`) && to?.endsWith(`${remote}`));
  return row?.[5]?.split(":", 1)[0];
}

test.runIf(process.platform === "linux")(
  "a client's connection is kept alive by TCP, so that one whose machine has vanished is noticed",
  async () => {
    const clients: Socket[] = [];
    const address = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
    const listener = await Listener.open(address, (client) => clients.push(withSharedReads(client).socket));
    const far = connect(listener.port!, "127.0.0.1");
    onTestFinished(async () => {
      for (const socket of [far, ...clients]) socket.destroy();
      await listener.close();
    });
    await once(far, "connect");
    await vi.waitFor(() => expect(clients).toHaveLength(1));
    expect(timerOf(listener.port!, far.localPort!)).toBe("02");
  },
);

test("a socket in a folder that is not there is refused by this reason", async () => {
  const path = join(folder(), "nowhere", "cache.sock");
  expect(await whyNot({ kind: "unix", path, mode: 0o600 })).toContain("the folder does not exist");
});

test("what is handed over and is no socket is named as that", async () => {
  const path = join(folder(), "file");
  writeFileSync(path, "");
  const fd = openSync(path, "r");
  const message = await whyNot({ kind: "handed", fd, name: "cache" });
  closeSync(fd);
  expect(message).toContain("the socket cache that was handed over: there is no such socket");
});
