import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { connect } from "node:tls";
import { type Emulator, startEmulator } from "azure-redis-emulator";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { type ExplainContext, explain } from "../../src/explain/explain.js";

const AMR = "contoso.westeurope.redis.azure.net";
const ACR = "contoso.redis.cache.windows.net";

const failed = (code: string, message = `failed with ${code}`): Error =>
  Object.assign(new Error(message), { code });

test.each<[Error, ExplainContext, string, string]>([
  [failed("ENOTFOUND"), {}, "host-not-found", "certain"],
  [failed("EAI_AGAIN"), {}, "dns-unavailable", "certain"],
  [failed("ECONNREFUSED"), {}, "connection-refused", "certain"],
  [failed("ETIMEDOUT"), {}, "connection-timeout", "likely"],
  [new Error("Connection timeout"), {}, "connection-timeout", "likely"],
  [failed("EHOSTUNREACH"), {}, "host-unreachable", "certain"],
  [failed("EMFILE"), {}, "out-of-file-descriptors", "certain"],
  [failed("ECONNREFUSED"), { host: AMR, port: 6380 }, "port-of-other-product", "certain"],
  [failed("ETIMEDOUT"), { host: AMR, port: 6379 }, "port-of-other-product", "certain"],
  [failed("ETIMEDOUT"), { host: ACR, port: 10_000 }, "port-of-other-product", "likely"],
  [failed("ETIMEDOUT"), { host: AMR, port: 10_000 }, "connection-timeout", "likely"],
  [failed("ECONNREFUSED"), { host: ACR, port: 6380 }, "connection-refused", "certain"],
  [failed("ETIMEDOUT"), { isNode: true, port: 8501 }, "node-port-blocked", "likely"],
  [
    failed("ETIMEDOUT"),
    { privateLinkName: "contoso.privatelink.redis.azure.net", isPrivateAddress: false },
    "private-dns-zone-missing",
    "likely",
  ],
  [
    failed("ETIMEDOUT"),
    { privateLinkName: "contoso.privatelink.redis.azure.net", isPrivateAddress: true },
    "connection-timeout",
    "likely",
  ],
  [failed("ERR_SSL_PACKET_LENGTH_TOO_LONG"), {}, "plaintext-port", "certain"],
  [failed("EPROTO", "write EPROTO wrong version number"), {}, "plaintext-port", "certain"],
  [failed("ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"), {}, "tls-version-unsupported", "certain"],
  [failed("EPROTO", "write EPROTO tlsv1 alert protocol version"), {}, "tls-version-unsupported", "certain"],
  [failed("CERT_HAS_EXPIRED"), {}, "certificate-expired", "likely"],
  [failed("CERT_NOT_YET_VALID"), {}, "certificate-not-yet-valid", "likely"],
  [failed("CERT_REVOKED"), {}, "certificate-revoked", "certain"],
  [failed("SELF_SIGNED_CERT_IN_CHAIN"), {}, "certificate-untrusted", "certain"],
  [failed("UNABLE_TO_GET_ISSUER_CERT_LOCALLY"), {}, "certificate-untrusted", "certain"],
  [failed("ECONNRESET", "read ECONNRESET"), {}, "connection-cut", "likely"],
  [new Error("Socket closed unexpectedly"), {}, "connection-cut", "likely"],
  [new Error("All the root nodes are unavailable"), {}, "cluster-nodes-unavailable", "likely"],
])("%s with %o is %s", (error, context, rule, certainty) => {
  expect(explain(error, context)).toMatchObject({ rule, certainty });
});

test("the reason of a node comes before the words of the cluster", () => {
  const error = Object.assign(new Error("Failed to refresh slots cache."), {
    lastNodeError: failed("ECONNREFUSED"),
  });
  expect(explain(error)?.rule).toBe("connection-refused");
});

test("what happened between others and the identity provider is none of these", () => {
  expect(explain(failed("ENOTFOUND"), { target: "authority" })?.rule).toBe("token-endpoint-not-found");
});

describe("what Node says of TLS", () => {
  let azure: Emulator;
  beforeAll(async () => {
    azure = await startEmulator();
  });
  afterAll(() => azure.close());

  /** How a TLS connection fails. */
  async function handshakeError(port: number, options: object = {}): Promise<Error> {
    const socket = connect({
      host: "localhost",
      servername: "localhost",
      ca: azure.caCertificate,
      ...options,
      port,
    });
    const [error] = (await once(socket, "error").catch((error: unknown) => [error])) as [Error];
    socket.destroy();
    return error;
  }

  test("an IP address is in no certificate", async () => {
    const error = await handshakeError(azure.redis.port, { host: "127.0.0.1", servername: undefined });
    expect(explain(error)).toMatchObject({
      rule: "certificate-has-no-ip-addresses",
      evidence: { serverName: "127.0.0.1", hostIsAddress: true, certificateNames: "localhost" },
    });
    expect(explain(error, { isNode: true })?.rule).toBe("node-address-not-covered");
  });

  test("an alias is not in the certificate, and the names that are there are told", async () => {
    const error = await handshakeError(azure.redis.port, { servername: "cache.contoso.example" });
    const explanation = explain(error);
    expect(explanation?.rule).toBe("certificate-name-mismatch");
    expect(explanation?.meaning).toMatch(/covers localhost, and not cache\.contoso\.example/);
  });

  test("an authority that is not trusted", async () => {
    const error = await handshakeError(azure.redis.port, { ca: undefined });
    expect(explain(error)?.rule).toBe("certificate-untrusted");
  });

  test("a server of which no version of TLS is allowed", async () => {
    const error = await handshakeError(azure.redis.port, {
      maxVersion: "TLSv1.1",
      minVersion: "TLSv1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    expect(explain(error)?.rule).toBe("tls-version-unsupported");
  });

  test.for<[string, (socket: Socket) => void, string]>([
    ["plain text", (socket) => socket.end("-ERR Protocol error\r\n"), "plaintext-port"],
    ["HTTP", (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), "plaintext-port"],
    ["an end", (socket) => socket.end(), "tls-handshake-cut"],
    ["a reset", (socket) => socket.resetAndDestroy(), "connection-cut"],
  ])("%s in the place of a handshake", async ([, answer, rule], context) => {
    const port = await listening(context, (socket) => {
      socket.on("error", () => {}).once("data", () => answer(socket));
    });
    expect(explain(await handshakeError(port))?.rule).toBe(rule);
  });
});

async function listening(
  { onTestFinished }: Pick<TestContext, "onTestFinished">,
  onConnection: (socket: Socket) => void,
): Promise<number> {
  const server: Server = createServer(onConnection).listen(0, "localhost");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}
