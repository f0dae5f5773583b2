import { once } from "node:events";
import { connect } from "node:net";
import { beforeAll, expect, test } from "vitest";
import { createCertificateAuthority } from "../../src/certificates/certificate-authority.js";
import { type NodeCertificate, NodeListeners } from "../../src/gateway/node-listeners.js";

let tls: NodeCertificate;
beforeAll(async () => {
  tls = await (await createCertificateAuthority()).issue(["localhost"]);
});

async function listening(): Promise<NodeListeners> {
  const listeners = new NodeListeners({ tls, onClient: (socket) => socket.destroy() });
  await listeners.listen("127.0.0.1", 0);
  return listeners;
}

async function refuses(host: string, port: number): Promise<void> {
  const socket = connect({ host, port });
  await expect(once(socket, "connect")).rejects.toThrow("ECONNREFUSED");
}

test("what is closed listens nowhere, also where it was just beginning to", async () => {
  const listeners = await listening();
  await Promise.allSettled([listeners.listenAlso("127.0.0.2"), listeners.close()]);
  await expect(listeners.listenAlso("127.0.0.3")).rejects.toThrow("closed");
  for (const host of ["127.0.0.1", "127.0.0.2", "127.0.0.3"]) await refuses(host, listeners.port);
});

test("what is closed while it opens again stays closed, and may open later", async () => {
  const listeners = await listening();
  const { port, plaintextPort } = listeners;
  await listeners.close();
  await Promise.allSettled([listeners.reopen(), listeners.close()]);
  for (const closed of [port, plaintextPort]) await refuses("127.0.0.1", closed);
  await listeners.reopen();
  for (const open of [port, plaintextPort]) {
    const socket = connect({ host: "127.0.0.1", port: open });
    await once(socket, "connect");
    socket.destroy();
  }
  await listeners.close();
});
