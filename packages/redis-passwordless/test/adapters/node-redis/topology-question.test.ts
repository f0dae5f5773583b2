import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, test, vi } from "vitest";
import { CredentialsProvider } from "../../../src/adapters/node-redis/provider.js";
import { opened } from "../../../src/adapters/opened.js";
import { createIdentity } from "../../../src/azure/entra-id.js";
import { ManualClock } from "../../../src/testing/index.js";
import { TopologyCheck } from "../../../src/topology/topology.js";

/** Azure CLI takes some seconds for a token: the time for the question is the server's. */
test("a token that takes long leaves the server its time to answer", async (context) => {
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.write("+OK\r\n*3\r\n"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  context.onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;

  const clock = new ManualClock();
  let yieldToken: (() => void) | undefined;
  const requestToken = () =>
    new Promise<{ token: string; username: string; expiresAtMs: number }>((resolve) => {
      yieldToken = () => resolve({ token: "secret", username: "user", expiresAtMs: clock.now() + 3_600_000 });
    });
  const identity = createIdentity({ identityProvider: { requestToken }, clock }, {});
  context.onTestFinished(() => identity.close());
  const provider = new CredentialsProvider(
    identity.reauthenticator("cache", () => ({ label: "cache" })),
    "cache",
    {
      plaintextTo: "anywhere",
      topology: {
        check: new TopologyCheck("single", { used: "createClient", needed: "createCluster" }),
        dial: (signal) => opened(connect({ host: "127.0.0.1", port }), "connect", signal),
      },
    },
  );
  const subscribed = provider.subscribe({ onNext: () => {}, onError: () => {} });
  subscribed.catch(() => {});
  await vi.waitFor(() => expect(yieldToken).toBeDefined());
  await clock.advance(8_000);
  yieldToken?.();
  await expect(subscribed).rejects.toMatchObject({ code: "ERR_PASSWORDLESS_TOPOLOGY_MISMATCH" });
});
