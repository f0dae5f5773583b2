import { connect, isIP, type LookupFunction, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import { opened } from "../adapters/opened.js";
import { type CertificateFacts, certificateFacts } from "./certificate.js";

/** Long enough for another continent: Node's own 250 ms give up on one address where there are several. */
const ATTEMPT_TIMEOUT_MS = 1_500;

export type Addresses = readonly { readonly address: string; readonly family: number }[];

/** Opens a TCP connection to addresses that are known already, or to those that the system finds. */
export function openTcp(
  { host, port }: { readonly host: string; readonly port: number },
  addresses: Addresses | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({
    host,
    port,
    noDelay: true,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
    ...(addresses === undefined ? {} : { lookup: lookupOf(addresses) }),
  });
  return opened(socket, "connect", signal).finally(() => {
    if (signal.aborted) socket.destroy();
  });
}

function lookupOf(addresses: Addresses): LookupFunction {
  return (_host, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? "", first?.family);
  };
}

/** How the other side of a connection is verified. */
export interface Trust {
  /** The name that its certificate has to cover. */
  readonly serverName: string;
  /** @default Node's */
  readonly secureContext: tls.SecureContext | undefined;
}

/**
 * Turns an open connection into a TLS connection whose certificate is verified, and shows that certificate also when
 * it is refused.
 */
export function openTls(
  socket: Socket,
  { serverName, secureContext }: Trust,
  signal: AbortSignal,
  onCertificate: (certificate: CertificateFacts) => void,
): Promise<tls.TLSSocket> {
  const note = (certificate: CertificateFacts | undefined): void => {
    if (certificate !== undefined) onCertificate(certificate);
  };
  const stream = tls.connect({
    socket,
    host: serverName,
    // A name of a server is never an address (RFC 6066 §3).
    ...(isIP(serverName) > 0 ? {} : { servername: serverName }),
    ...(secureContext === undefined ? {} : { secureContext }),
    checkServerIdentity(name, certificate) {
      note(certificateFacts(certificate as Parameters<typeof certificateFacts>[0]));
      return tls.checkServerIdentity(name, certificate);
    },
  });
  // Where the chain is refused, nobody is shown the certificate, except who listens to what Node tells itself first.
  stream.prependOnceListener("secure", () => note(certificateFacts(stream.getPeerCertificate(true))));
  return opened(stream, "secureConnect", signal).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
}

/** Opens a connection to a server as clients do: with TLS, unless its address is one without. */
export async function openServer(
  server: { readonly host: string; readonly port: number; readonly isEncrypted: boolean },
  trust: Trust,
  signal: AbortSignal,
): Promise<Duplex> {
  const socket = await openTcp(server, undefined, signal);
  // What goes wrong later shows in what is sent over it.
  socket.on("error", () => {});
  return server.isEncrypted ? openTls(socket, trust, signal, () => {}) : socket;
}

/** Trust in the system's authorities and these; `undefined`, Node's own choice, where there are none besides. */
export function secureContextOf(ca: readonly string[]): tls.SecureContext | undefined {
  if (ca.length === 0) return undefined;
  // Node 20 does not tell which certificates NODE_EXTRA_CA_CERTS has brought.
  const { getCACertificates } = tls as { getCACertificates?: (type: "default") => readonly string[] };
  const system = getCACertificates?.("default") ?? tls.rootCertificates;
  return tls.createSecureContext({ ca: [...system, ...ca] });
}
