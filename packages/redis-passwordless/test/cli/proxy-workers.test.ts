import { once } from "node:events";
import { copyFileSync, renameSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { Client, proxies } from "./proxy-process.js";

describe.concurrent("several workers", () => {
  test("share addresses and sockets, one log and one status, and one that dies has a successor", async (context) => {
    const { cache, folder, proxy } = await proxies(context);
    const socket = join(folder, "cache.sock");
    const running = proxy([`c=${cache},listen=0,unix-socket=${socket}`, "--workers=2", "--http-address=0"]);
    const port = await running.port("c");
    await running.said("The proxy is ready");
    const [first, second, ...more] = running.children();
    expect(more).toEqual([]);
    // One after the other gets a client.
    const clients = [await Client.to(port), await Client.to(port), await Client.to(socket)];
    for (const client of clients) await client.ask("+PONG", "PING");
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    const status = async () => {
      const answer = await fetch(`http://${await running.statusAddress()}/status`);
      return (await answer.json()) as {
        instances: { counters: { clients: number } }[];
        identities: { description: string }[];
      };
    };
    await vi.waitFor(async () => expect((await status()).instances[0]?.counters.clients).toBe(3));
    expect((await status()).identities).toHaveLength(2);

    process.kill(second!, "SIGKILL");
    await running.said("Worker 2 has ended (SIGKILL), and is started anew");
    await vi.waitFor(() => expect(running.children()).toHaveLength(2), 10_000);
    expect(running.children()).toContain(first);
    for (const client of clients) client.socket.destroy();
    running.signal("SIGTERM");
    const { code, stderr } = await running.ended;
    expect(code).toBe(143);
    expect(stderr.match(/c is on /g)).toHaveLength(1);
  });

  test("read the configuration anew together", async (context) => {
    const { cache, proxy, write } = await proxies(context);
    const config = (text: string) =>
      write("proxy.yaml", `workers: 2\ninstances:\n  - {name: a, endpoint: "${cache}", listen: 0}\n${text}`);
    const running = proxy(["--config", config("")]);
    await running.said("The proxy is ready");
    config(`  - {name: b, endpoint: "${cache}", listen: 0}\n`);
    running.signal("SIGHUP");
    const port = await running.port("b");
    const clients = [await Client.to(port), await Client.to(port)];
    for (const client of clients) await client.ask("+PONG", "PING");
    config("nonsense: 1\n");
    running.signal("SIGHUP");
    const stderr = await running.said("The new configuration cannot be used");
    expect(stderr.match(/The new configuration cannot be used/g)).toHaveLength(1);
    for (const client of clients) {
      await client.ask("+PONG", "PING");
      client.socket.destroy();
    }
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });

  test("are all there when the proxy is ready, also if one has died before", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([`c=${cache},listen=0`, "--workers=2"]);
    await running.port("c");
    const second = await vi.waitUntil(() => running.children()[1], { interval: 1, timeout: 10_000 });
    process.kill(second, "SIGKILL");
    await running.said("Worker 2 has ended (SIGKILL), and is started anew");
    await running.said("The proxy is ready");
    expect(running.children()).toHaveLength(2);
    expect(running.children()).not.toContain(second);
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });

  test("are tried again when one cannot be started", async (context) => {
    const { cache, folder, proxy } = await proxies(context);
    const [node, away] = [join(folder, "node"), join(folder, "away")];
    copyFileSync(process.execPath, node);
    const running = proxy([`c=${cache},listen=0`, "--workers=2"], {}, node);
    const port = await running.port("c");
    await running.said("The proxy is ready");
    const [, second] = running.children();
    renameSync(node, away);
    process.kill(second!, "SIGKILL");
    await running.said("Worker 2 cannot be started");
    const client = await Client.to(port);
    await client.ask("+PONG", "PING");
    client.socket.destroy();
    renameSync(away, node);
    await vi.waitFor(() => expect(running.children()).toHaveLength(2), 10_000);
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });

  test("hear of a SIGHUP that comes while they start, and say once what is to be said once", async (context) => {
    const { cache, proxy, write } = await proxies(context);
    const config = (text: string) =>
      write("proxy.yaml", `workers: 2\ninstances:\n  - {name: a, endpoint: "${cache}", listen: 0}\n${text}`);
    const running = proxy(["--config", config("")]);
    await running.port("a");
    config(`  - {name: b, endpoint: "${cache}", listen: "0.0.0.0:0"}\nlog-level: debug\n`);
    running.signal("SIGHUP");
    const port = await running.port("b");
    await running.said("The proxy is ready");
    await running.said("What has changed in log-level holds from the next start on");
    const clients = [await Client.to(port), await Client.to(port)];
    for (const client of clients) await client.ask("+PONG", "PING");
    for (const client of clients) client.socket.destroy();
    running.signal("SIGTERM");
    const { code, stderr } = await running.ended;
    expect(code).toBe(143);
    expect(stderr.match(/whoever reaches that is in the cache/g)).toHaveLength(1);
    expect(stderr).not.toContain("more within 30 s");
  });

  test("end with one diagnosis when somebody else has the port", async (context) => {
    const { cache, proxy } = await proxies(context);
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    context.onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { code, stderr } = await proxy([`${cache},listen=${port}`, "--workers=3"]).ended;
    expect(code).toBe(1);
    expect(stderr.match(/Diagnosis/g)).toHaveLength(1);
    expect(stderr).toContain("somebody else listens there");
  });
});
