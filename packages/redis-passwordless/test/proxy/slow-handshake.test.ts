import { createSecureContext } from "node:tls";
import { startEmulator } from "azure-redis-emulator";
import { expect, test, vi } from "vitest";
import { createIdentity } from "../../src/azure/entra-id.js";
import { Upstream } from "../../src/proxy/upstream.js";
import { relay } from "../support/relay.js";

test("a connection whose handshake takes longer than its token lives logs in with the next one", {
  timeout: 60_000,
}, async () => {
  await using azure = await startEmulator({ tokenLifetimeMs: 3_000 });
  await using identity = createIdentity(
    { managedIdentity: true },
    { AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.imdsHost },
  );
  const way = await relay(azure.redis.port);
  const upstream = new Upstream({
    address: { host: "localhost", port: way.port, isEncrypted: true },
    identity,
    secureContext: createSecureContext({ ca: azure.caCertificate }),
    connectTimeoutMs: 30_000,
  });
  const { signal } = new AbortController();
  const first = await upstream.connect(signal);
  const release = way.hold();
  const second = upstream.connect(signal);
  using _fresh = identity.keepFresh();
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(first.token.expiresAtMs), 10_000);
  release();
  const { token, socket } = await second;
  expect(token.expiresAtMs).toBeGreaterThan(first.token.expiresAtMs);
  for (const one of [first.socket, socket]) one.destroy();
});
