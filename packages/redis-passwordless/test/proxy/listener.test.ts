import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { PasswordlessError } from "../../src/core/errors.js";
import { type ListenAddress, Listener } from "../../src/proxy/listener.js";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "listener-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function whyNot(address: ListenAddress): Promise<string> {
  return Listener.open(address, { onClient: () => {}, onFailed: () => {} }).then(
    () => "it listens",
    (error: Error) => error.message,
  );
}

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

test.each([
  ["EMFILE", /has as many connections and files open as it may/, /ulimit -n/],
  ["ECONNABORTED", /software caused connection abort/, /connect anew/],
])(
  "a client that cannot be taken in because of %s is told of, and the next one is",
  async (code, why, remedy) => {
    const told: [string, PasswordlessError][] = [];
    const clients: Socket[] = [];
    const listener = await Listener.open(
      { kind: "tcp", host: "127.0.0.1", port: 0 },
      { onClient: (client) => clients.push(client), onFailed: (...what) => told.push(what) },
    );
    onTestFinished(() => listener.close());
    const come = (): void => {
      const client = connect(listener.port!, "127.0.0.1");
      onTestFinished(() => void client.destroy());
    };
    come();
    await vi.waitFor(() => expect(clients).toHaveLength(1));
    // What Node.js does when `accept` fails (lib/net.js, `onconnection`).
    const { server } = clients[0] as unknown as { readonly server: Server };
    server.emit("error", Object.assign(new Error("software caused connection abort"), { code }));
    expect(told).toEqual([
      [
        listener.label,
        expect.objectContaining({ code: "ERR_PASSWORDLESS_CONNECTION_FAILED", retryable: true }),
      ],
    ]);
    expect(told[0]?.[1].message).toMatch(why);
    expect(told[0]?.[1].remedy).toMatch(remedy);
    come();
    await vi.waitFor(() => expect(clients).toHaveLength(2));
  },
);
