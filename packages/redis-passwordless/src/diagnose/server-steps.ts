import { BlockList, isIP, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { AzureEndpoint } from "../azure/endpoint.js";
import type { Facts } from "../explain/facts.js";
import type { CertificateFacts } from "./certificate.js";
import { type Addresses, openTcp, openTls, type Trust } from "./dial.js";
import { labelOf } from "./environment-step.js";
import type { Examination } from "./examination.js";
import { causeError } from "./findings.js";
import { speaksPlaintext } from "./protocol-experiment.js";
import type { Resolver } from "./resolver.js";
import { oneLine, type Step } from "./steps.js";
import { pause, seconds, TimeUp, within } from "./time-limit.js";

const DNS_LIMIT_MS = 3_000;
/** What it may take longer than the addresses to learn of an alias, in milliseconds. */
const ALIAS_LIMIT_MS = 500;
const TCP_LIMIT_MS = 5_000;
const TLS_LIMIT_MS = 5_000;
const HANDSHAKE_LIMIT_MS = 4_000;
/** So long a handshake may take before it is doubted. */
const SILENCE_MS = 1_000;
/** A certificate that ends sooner is worth a warning, in milliseconds. */
const EXPIRES_SOON_MS = 14 * 24 * 3_600_000;

/** DNS, TCP and TLS: resolves with the connection on which Redis is spoken to. */
export async function reachServer(
  examination: Examination,
  endpoint: AzureEndpoint,
  trust: Trust,
): Promise<Duplex | undefined> {
  const { steps } = examination;
  const addresses = await steps.run("dns", DNS_LIMIT_MS, (step) => resolve(examination, endpoint, step));
  if (addresses === undefined) {
    steps.skip("tcp", "no address is known");
    return steps.skip("tls", "no address is known");
  }
  const socket = await steps.run("tcp", TCP_LIMIT_MS, (step) => open(examination, endpoint, addresses, step));
  if (socket === undefined) return steps.skip("tls", "there is no TCP connection");
  if (!endpoint.isEncrypted) {
    steps.skip("tls", "the address asks for a connection without TLS");
    return socket;
  }
  return steps.run("tls", TLS_LIMIT_MS, (step) => encrypt(examination, endpoint, { socket, trust, step }));
}

async function resolve(
  { resolver, clock, known }: Examination,
  { host }: AzureEndpoint,
  step: Step,
): Promise<Addresses> {
  const family = isIP(host);
  if (family > 0) {
    step.summary = "the host is an IP address";
    step.facts["addresses"] = [host];
    return [{ address: host, family }];
  }
  const aliases = within(clock, DNS_LIMIT_MS, step.signal, () => aliasesOf(host, resolver)).catch(() => []);
  // A little less than the step has: a silent name server is another matter than a silent host.
  const limitMs = step.atMost(DNS_LIMIT_MS);
  const lookup = within(clock, limitMs, step.signal, () => resolver.lookup(host));
  const found = await lookup.catch(async (error: unknown) => {
    if (error instanceof TimeUp) throw silentNameServers(host, known, limitMs);
    step.facts["aliases"] = await aliases;
    known.privateLinkName = privateLinkName(await aliases);
    throw error;
  });
  const addresses = found.map(({ address }) => address);
  const chain = await within(clock, ALIAS_LIMIT_MS, step.signal, () => aliases).catch(() => []);
  known.privateLinkName = privateLinkName(chain);
  known.isPrivateAddress = addresses.length > 0 && addresses.every(isPrivate);
  Object.assign(step.facts, { addresses, aliases: chain, isPrivate: known.isPrivateAddress });
  const kind = known.isPrivateAddress ? "private" : "public";
  const via = known.privateLinkName === undefined ? "" : ` through ${known.privateLinkName}`;
  step.summary = `${addresses.join(", ")} (${kind}${via})`;
  return found;
}

function silentNameServers(host: string, known: Facts, limitMs: number): Error {
  const observed = `No name server has said within ${seconds(limitMs)} where ${host} is.`;
  return causeError("dns-unavailable", observed, known);
}

function privateLinkName(aliases: readonly string[]): string | undefined {
  return aliases.find((name) => name.includes(".privatelink."));
}

/** The names that lead to the address: behind a private endpoint, one of them is in a private zone. */
async function aliasesOf(host: string, resolver: Resolver): Promise<string[]> {
  const chain: string[] = [];
  if (!host.includes(".")) return chain;
  for (let name: string | undefined = host; name !== undefined && chain.length < 8; ) {
    // The end of the chain is an error to a name server.
    name = await resolver.cname(name).catch(() => undefined);
    if (name !== undefined) chain.push(name.toLowerCase());
  }
  return chain;
}

async function open(
  { known }: Examination,
  endpoint: AzureEndpoint,
  addresses: Addresses,
  step: Step,
): Promise<Socket> {
  const [only] = addresses;
  if (addresses.length === 1) known.address = only?.address;
  const socket = await openTcp(endpoint, addresses, step.signal);
  // What goes wrong later shows in what is sent over it.
  socket.on("error", () => {});
  known.address = socket.remoteAddress;
  step.facts["address"] = socket.remoteAddress;
  step.facts["port"] = endpoint.port;
  step.summary = labelOf({ host: socket.remoteAddress ?? endpoint.host, port: endpoint.port });
  return socket;
}

interface Encryption {
  readonly socket: Socket;
  readonly trust: Trust;
  readonly step: Step;
}

async function encrypt(
  examination: Examination,
  endpoint: AzureEndpoint,
  { socket, trust, step }: Encryption,
): Promise<Duplex> {
  const { clock, known } = examination;
  step.facts["serverName"] = trust.serverName;
  let certificate: CertificateFacts | undefined;
  const onCertificate = (seen: CertificateFacts): void => {
    certificate = seen;
    known.certificateNames = seen.names.join(", ");
    step.facts["certificate"] = seen;
  };
  const where = { host: known.address ?? endpoint.host, port: endpoint.port };
  const limitMs = step.atMost(HANDSHAKE_LIMIT_MS);
  const handshake = within(clock, limitMs, step.signal, (signal) =>
    openTls(socket, trust, signal, onCertificate),
  );
  try {
    const stream = await Promise.race([handshake, suspect(examination, where, step.signal)]);
    stream.on("error", () => {});
    const [protocol, cipher] = [stream.getProtocol() ?? "", stream.getCipher().name];
    Object.assign(step.facts, { protocol, cipher });
    step.summary = [protocol, cipher, ...describe(certificate, step, clock.now())].join(", ");
    return stream;
  } catch (error) {
    socket.destroy();
    if (certificate !== undefined || step.signal.aborted) throw error;
    throw await handshakeError(examination, { ...where, limitMs }, error, step.signal);
  }
}

/** A server that knows no TLS may wait for the rest of what it takes for a command: silence is looked into. */
async function suspect({ clock }: Examination, where: Where, signal: AbortSignal): Promise<never> {
  await pause(clock, SILENCE_MS, signal);
  if (await speaksPlaintext(clock, where, signal)) throw new PlaintextAnswer();
  return new Promise(() => {});
}

class PlaintextAnswer extends Error {}

function describe(certificate: CertificateFacts | undefined, step: Step, nowMs: number): string[] {
  if (certificate === undefined) return [];
  const leftMs = certificate.validToMs - nowMs;
  const days = Math.floor(leftMs / (24 * 3_600_000));
  if (leftMs < EXPIRES_SOON_MS) step.status = "warning";
  return [`certificate for ${certificate.names.join(", ")}`, `ends in ${days} days`];
}

interface Where {
  readonly host: string;
  readonly port: number;
}

/** No certificate was seen: whoever is there may not speak TLS. */
async function handshakeError(
  { clock, known }: Examination,
  where: Where & { readonly limitMs: number },
  error: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const label = labelOf({ host: known.host ?? where.host, port: where.port });
  const isSilent = error instanceof TimeUp;
  if (error instanceof PlaintextAnswer || (!isSilent && (await speaksPlaintext(clock, where, signal)))) {
    return causeError("plaintext-port", `${label} answers without TLS.`, known);
  }
  if (isSilent) {
    const observed = `${label} has not answered the TLS handshake within ${seconds(where.limitMs)}.`;
    return causeError("tls-handshake-timeout", observed, known);
  }
  const { code } = error as { readonly code?: unknown };
  if (code === undefined || code === "ECONNRESET" || code === "EPIPE") {
    const observed = `${label} has cut the connection during the TLS handshake: ${oneLine(error)}.`;
    return causeError("tls-handshake-cut", observed, { ...known, networkError: "ECONNRESET" });
  }
  return error;
}

const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  PRIVATE.addSubnet(network, prefix);
}
PRIVATE.addAddress("::1", "ipv6");
PRIVATE.addSubnet("fc00::", 7, "ipv6");
PRIVATE.addSubnet("fe80::", 10, "ipv6");

function isPrivate(address: string): boolean {
  return PRIVATE.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}
