import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "./command-line.js";
import { Client, environmentOf, proxies } from "./proxy-process.js";

/** Somebody who listens. */
async function listener() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return { port, close: async () => void (await once(server.close(), "close")) };
}

describe.concurrent("proxy", () => {
  test("offers each cache where it is told, on ports and on sockets for this user only", async (context) => {
    const { cache, folder, proxy } = await proxies(context);
    const socket = join(folder, "cache.sock");
    const running = proxy([`one=${cache},listen=0`, `two=${cache},listen=0,unix-socket=${socket}`]);
    const [one, two] = [await running.port("one"), await running.port("two")];
    const first = await Client.to(one);
    await first.ask("+OK", "SET", "who", "somebody");
    const others = [await Client.to(two), await Client.to(socket)];
    for (const client of others)
      expect(await client.ask("body\r\n", "GET", "who")).toBe("$8\r\nsomebody\r\n");
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    for (const client of [first, ...others]) client.socket.destroy();
    running.signal("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 143, stdout: "" });
  });

  test("asks clients for the password of --require-pass-file, and never says it", async (context) => {
    const { cache, proxy, write } = await proxies(context);
    const file = write("password", "open sesame\n");
    const running = proxy([`c=${cache}`, "--listen", "0", "--require-pass-file", file, "--verbose"]);
    const client = await Client.to(await running.port("c"));
    await client.ask(/^-NOAUTH /, "PING");
    await client.ask(/^-WRONGPASS /, "AUTH", "sesame");
    await client.ask("+OK", "AUTH", "open sesame");
    await client.ask("+PONG", "PING");
    client.socket.destroy();
    running.signal("SIGINT");
    const { code, stderr } = await running.ended;
    expect(code).toBe(130);
    expect(stderr).not.toContain("sesame");
  });

  test("warns of a door that is open to others", async (context) => {
    const { cache, proxy } = await proxies(context);
    await proxy([`c=${cache},listen=0.0.0.0:0`]).said(
      /WARN .*listens on 0\.0\.0\.0:0: whoever reaches that is in the cache without a password/,
    );
  });

  test("lets those who are inside finish after SIGTERM, and nobody else in", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([`c=${cache}`, "--listen=0", "--exit-zero-on-sigterm"]);
    const port = await running.port("c");
    const client = await Client.to(port);
    await client.ask("+OK", "MULTI");
    await client.ask("+QUEUED", "INCR", "n");
    running.signal("SIGTERM");
    await running.said("The proxy is draining");
    await expect(Client.to(port)).rejects.toThrow("ECONNREFUSED");
    expect(await client.ask(/^\*1/, "EXEC")).toBe("*1\r\n:1\r\n");
    client.socket.end();
    const { code, stderr } = await running.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain("cut off");
  });

  test("cuts off whoever has not finished after --max-drain, and says so", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([`c=${cache}`, "--listen=0", "--max-drain", "1ms"]);
    const client = await Client.to(await running.port("c"));
    await client.ask("+PONG", "PING");
    running.signal("SIGTERM");
    await client.closed;
    const { code, stderr } = await running.ended;
    expect(code).toBe(143);
    expect(stderr).toContain("1 client had not finished, and was cut off");
  });

  test("says nothing of clients that waited for nothing", async (context) => {
    const { cache, proxy } = await proxies(context);
    for (const kind of ["", "--pool=2"]) {
      const running = proxy([`c=${cache}`, "--listen=0", ...(kind === "" ? [] : [kind])]);
      const client = await Client.to(await running.port("c"));
      await client.ask("+PONG", "PING");
      running.signal("SIGTERM");
      await client.closed;
      const { code, stderr } = await running.ended;
      expect(code).toBe(143);
      expect(stderr).not.toContain("cut off");
    }
  });

  test("ends at once at a second signal", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([`c=${cache}`, "--listen=0", "--max-drain", "1800"]);
    const client = await Client.to(await running.port("c"));
    await client.ask("+PONG", "PING");
    running.signal("SIGTERM");
    await running.said("The proxy is draining");
    // One that follows at once may be the same one.
    const again = setInterval(() => running.signal("SIGTERM"), 50);
    const { code } = await running.ended;
    clearInterval(again);
    expect(code).toBe(143);
  });

  test("SIGHUP opens what is new, lets go what is gone, and moves a door to the instance that has changed", async (context) => {
    const { cache, proxy, write } = await proxies(context);
    const password = write("password", "one\n");
    const server = await listener();
    const { port } = server;
    await server.close();
    const config = (...more: readonly object[]) =>
      write(
        "proxy.json",
        JSON.stringify({
          instances: [
            { name: "a", endpoint: cache, listen: String(port), "require-pass-file": password },
            ...more,
          ],
        }),
      );
    const running = proxy([
      "--config",
      config({ name: "b", endpoint: cache, listen: "0" }),
      "--max-drain=1ms",
    ]);
    const [a, b] = [await running.port("a"), await running.port("b")];
    const inside = [await Client.to(a), await Client.to(b)] as const;
    await inside[0].ask("+OK", "AUTH", "one");
    await inside[1].ask("+PONG", "PING");

    write("password", "two\n");
    config({ name: "c", endpoint: cache, listen: "0" });
    running.signal("SIGHUP");
    await running.said(/The configuration is read anew: a, c new or changed, b gone/);
    await inside[1].closed;
    await expect(Client.to(b)).rejects.toThrow("ECONNREFUSED");
    const third = await Client.to(await running.port("c"));
    await third.ask("+PONG", "PING");
    const newcomer = await Client.to(a);
    await newcomer.ask(/^-WRONGPASS/, "AUTH", "one");
    await newcomer.ask("+OK", "AUTH", "two");
    // Whoever is inside does not notice.
    await inside[0].ask("+PONG", "PING");

    write("proxy.json", '{"instances": [{"endpoint": "x:1", "lisen": 1}]}');
    running.signal("SIGHUP");
    await running.said(
      /ERROR The new configuration cannot be used, so nothing has changed: .*Did you mean `listen`/,
    );
    await newcomer.ask("+PONG", "PING");

    write("proxy.json", `{"endpoint": "${cache}", "listen": 0, "log-level": "debug"}`);
    running.signal("SIGHUP");
    await running.said(/WARN .*What has changed in log-level holds from the next start on/);
    for (const client of [inside[0], third, newcomer]) client.socket.destroy();
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });

  test("SIGHUP with other certificate authorities lets those who are inside stay", async (context) => {
    const { azure, cache, proxy, write } = await proxies(context);
    const ca = write("ca.pem", azure.caCertificate);
    const running = proxy([`c=${cache}`, "--listen=0", "--ca", ca, "--max-drain=1ms"]);
    const port = await running.port("c");
    const inside = await Client.to(port);
    await inside.ask("+OK", "MULTI");
    write("ca.pem", azure.caCertificate.repeat(2));
    running.signal("SIGHUP");
    await running.said("The configuration is read anew: c new or changed");
    const newcomer = await Client.to(port);
    await newcomer.ask("+PONG", "PING");
    await inside.ask("+QUEUED", "PING");
    await inside.ask("*1", "EXEC");
    for (const client of [inside, newcomer]) client.socket.destroy();
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });

  test("an identity provider that is away does not keep it from starting: clients wait for the token", async (context) => {
    const { azure, cache, proxy } = await proxies(context);
    const outage = azure.injectFault("imds", { kind: "status", status: 503 });
    const running = proxy([`c=${cache}`, "--listen=0"]);
    await running.said(/WARN .*There is no token for the .* yet, and clients wait for it/);
    const client = await Client.to(await running.port("c"));
    client.write("PING");
    outage.remove();
    await client.read("+PONG");
    client.socket.destroy();
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });

  test("tells a client why it cannot be served", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([`full=${cache},max-clients=1,listen=0`, "away=localhost:1,listen=0"]);
    const inside = await Client.to(await running.port("full"));
    await inside.ask("+PONG", "PING");
    const second = await Client.to(await running.port("full"));
    expect(await second.ask(/\r\n/, "PING")).toMatch(
      /^-ERR_PASSWORDLESS_CONNECTION_FAILED The proxy has 1 clients? for full/,
    );
    const lost = await Client.to(await running.port("away"));
    expect(await lost.ask(/\r\n/, "PING")).toMatch(/^-ERR_PASSWORDLESS_CONNECTION_FAILED .*ECONNREFUSED/);
    await Promise.all([second.closed, lost.closed]);
    inside.socket.destroy();
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });

  test("wait and shutdown are for scripts", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([
      `c=${cache}`,
      "--listen=0",
      "--http-address=0",
      "--quitquitquit",
      "--run-connection-test",
    ]);
    const address = await running.statusAddress();
    const env = { REDIS_PASSWORDLESS_HTTP_ADDRESS: address };
    expect(await run(["wait"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect(await run(["shutdown"], { env })).toEqual({ code: 0, stdout: "", stderr: "" });
    expect((await running.ended).code).toBe(0);
    expect(
      await run(["wait", "--max", "0"], { env: { REDIS_PASSWORDLESS_HTTP_ADDRESS: "1" } }),
    ).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no proxy is ready at http:\/\/127\.0\.0\.1:1\/startup.*ECONNREFUSED/),
    });
    expect((await run(["shutdown", "--http-address", "1"])).code).toBe(1);
  });

  test("shutdown says what it has been answered, such as that the name is not known there", async ({
    onTestFinished,
  }) => {
    const problem = { error: "This name is not known here.", remedy: "Ask by address." };
    const server = createHttpServer((_, response) => response.writeHead(421).end(JSON.stringify(problem)));
    await once(server.listen(0, "127.0.0.1"), "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const { code, stderr } = await run(["shutdown", "--http-address", String(port)]);
    expect(code).toBe(1);
    expect(stderr).toContain("has answered 421: This name is not known here. Ask by address.");
  });

  test("only --quitquitquit lets others end it", async (context) => {
    const { cache, proxy } = await proxies(context);
    const running = proxy([`c=${cache}`, "--listen=0", "--http-address=0"]);
    const { code, stderr } = await run(["shutdown", "--http-address", await running.statusAddress()]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/has answered 403: the proxy was started without --quitquitquit/);
    running.signal("SIGTERM");
    expect((await running.ended).code).toBe(143);
  });
});

describe.concurrent("a proxy that cannot serve ends with exit code 1 and the diagnosis", () => {
  test("when somebody else has the port", async (context) => {
    const { cache, proxy } = await proxies(context);
    const { port, close } = await listener();
    context.onTestFinished(close);
    const { code, stderr } = await proxy([`${cache},listen=0`, `${cache},listen=${port}`]).ended;
    expect(code).toBe(1);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: somebody else listens there`);
  });

  test("when --run-connection-test finds nobody", async (context) => {
    const { proxy } = await proxies(context);
    const { code, stderr } = await proxy(["c=localhost:1,listen=0", "--run-connection-test"]).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/Diagnosis.*nobody listens at port 1/);
  });

  test("when a cache's name does not exist, before it listens", async (context) => {
    const { proxy } = await proxies(context);
    const { code, stderr } = await proxy(["nowhere.invalid:6380,listen=0"]).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Diagnosis .*nowhere\.invalid/);
    expect(stderr).not.toContain("is on");
  });

  test("when there is no identity, before it listens", async (context) => {
    const { azure, cache } = await proxies(context);
    const env = { ...environmentOf(azure), AZURE_POD_IDENTITY_AUTHORITY_HOST: "http://127.0.0.1:1" };
    const { code, stderr } = await run(["proxy", cache, "--listen=0", "--log-format=json"], { env });
    expect(code).toBe(1);
    const [line, ...more] = stderr.trim().split("\n");
    expect(JSON.parse(line!)).toMatchObject({
      level: "error",
      event: "failed",
      code: "ERR_PASSWORDLESS_IDENTITY_UNAVAILABLE",
    });
    expect(more).toEqual([]);
  });
});
