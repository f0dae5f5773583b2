import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { handedSockets } from "../../src/cli/systemd.js";
import { CLI } from "./command-line.js";
import { Client, environmentOf, proxies } from "./proxy-process.js";

/** Stands where systemd's own would be, and writes down what is said. */
const NOTIFY = (file: string) => `#!/bin/sh\necho "$@" >> ${file}\n`;

async function lineWith(file: string, text: RegExp): Promise<string> {
  for (;;) {
    const said = existsSync(file) ? readFileSync(file, "utf8") : "";
    if (text.test(said)) return said;
    await setImmediate();
  }
}

describe.concurrent("under systemd", () => {
  test("it serves on the socket that it is started with", async (context) => {
    const { azure, cache } = await proxies(context);
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    // Only the process that starts knows its number before it is this program.
    const child = spawn(
      "/bin/sh",
      ["-c", 'LISTEN_PID=$$ exec "$@"', "sh", process.execPath, CLI, "proxy", `c=${cache}`],
      {
        env: {
          ...environmentOf(azure),
          PATH: dirname(process.execPath),
          LISTEN_FDS: "1",
          LISTEN_FDNAMES: "redis",
        },
        stdio: ["ignore", "ignore", "pipe", fdOf(server)],
      },
    );
    context.onTestFinished(() => void child.kill("SIGKILL"));
    await once(child.stderr!, "data");
    server.close();
    const client = await Client.to(port);
    await client.ask("+PONG", "PING");
    client.socket.destroy();
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([143, null]);
  });

  test("it says when it is ready, that it lives, reloads and ends", async (context) => {
    const { cache, folder, proxy, write } = await proxies(context);
    const said = join(folder, "said");
    chmodSync(write("systemd-notify", NOTIFY(said)), 0o755);
    const running = proxy([`c=${cache}`, "--listen=0"], {
      PATH: `${folder}:/usr/bin:/bin`,
      NOTIFY_SOCKET: "/run/systemd/notify",
      WATCHDOG_USEC: "100000",
    });
    await lineWith(said, /^READY=1 STATUS=serves c MAINPID=\d+\n[^]*WATCHDOG=1/);
    running.signal("SIGHUP");
    await lineWith(said, /RELOADING=1 MONOTONIC_USEC=\d+\n[^]*READY=1/);
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
    expect(readFileSync(said, "utf8")).toMatch(/STOPPING=1 STATUS=0 clients may finish\n$/);
  });

  test("it says once that it cannot say how it is", async (context) => {
    const { cache, folder, proxy } = await proxies(context);
    const running = proxy([`c=${cache}`, "--listen=0"], {
      PATH: folder,
      NOTIFY_SOCKET: "/run/systemd/notify",
    });
    await running.said(/WARN .*systemd-notify could not: it is not installed/);
    running.signal("SIGTERM");
    const { code, stderr } = await running.ended;
    expect(code).toBe(143);
    expect(stderr.match(/systemd-notify/g)).toHaveLength(1);
  });
});

describe("sockets that were handed over", () => {
  test("are those of this process, by their names", () => {
    const env = { LISTEN_FDS: "2", LISTEN_PID: "7", LISTEN_FDNAMES: "a:" };
    expect(handedSockets(env, 7)).toEqual([
      { fd: 3, name: "a" },
      { fd: 4, name: "unknown" },
    ]);
    expect(handedSockets(env, 8)).toEqual([]);
    expect(handedSockets({}, 7)).toEqual([]);
    expect(() => handedSockets({ LISTEN_FDS: "many", LISTEN_PID: "7" }, 7)).toThrow(
      /LISTEN_FDS takes the number/,
    );
  });
});

function fdOf(server: Server): number {
  return (server as unknown as { _handle: { fd: number } })._handle.fd;
}
