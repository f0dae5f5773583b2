import { expect, test, vi } from "vitest";
import type { ClientEnd } from "../../src/proxy/events.js";
import { ProxiedCache } from "./support.js";

// A web page can send requests to any port of the machine on which it is looked at. Redis breaks them off at `POST` and
// `Host:`, which would end a connection that others share; whether Azure's proxies do is nowhere said.
test.concurrent.each([
  ["with a connection of its own", {}, false],
  ["with shared connections", { pool: 1 }, true],
  ["with one endpoint for a cluster", { isSingleEndpoint: true }, true],
  ["that has to log in", { clientPassword: "open sesame" }, false],
] as const)(
  "a request of HTTP is answered as such, and reaches no server: a client %s",
  async (_, options, isShared) => {
    await using cache = await ProxiedCache.start({}, options);
    const ends: ClientEnd[] = [];
    cache.proxy.on("clientClosed", ({ reason }) => ends.push(reason));
    const client = await cache.raw();
    client.socket.write("*2\r\n$4\r\nAUTH\r\n$11\r\nopen sesame\r\n");
    expect(await client.write("PING").read(2)).toEqual(["+OK\r\n", "+PONG\r\n"]);
    const { upstreams: before } = cache.proxy.status().instances[0]!.counters;

    const { host, port } = cache.address;
    const body = "SET key value\r\n".repeat(2_000);
    for (const method of ["POST", "PUT"]) {
      const response = await fetch(`http://${host}:${port}/`, { method, body });
      expect(response.status).toBe(400);
      expect(await response.text()).toContain("This is Redis");
    }
    await vi.waitFor(() => expect(ends).toEqual(["refused", "refused"]));
    expect((await client.write("GET key").read(3))[2]).toBe("$-1\r\n");
    const { upstreams: after } = cache.proxy.status().instances[0]!.counters;
    if (isShared) expect(after).toBe(before);
    client.socket.destroy();
  },
);
