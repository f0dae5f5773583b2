import type { AzureEndpoint } from "../azure/endpoint.js";
import type { Facts } from "../explain/facts.js";
import { ReplyError } from "../inband/reply.js";
import {
  isAddress,
  type MappedAddress,
  type NodeAddress,
  reachedByEndpoint,
} from "../topology/address-map.js";
import type { CertificateFacts } from "./certificate.js";
import { openTcp, openTls, type Trust } from "./dial.js";
import { labelOf } from "./environment-step.js";
import type { Examination } from "./examination.js";
import { type Credentials, secretsOf, sendAuth } from "./login-steps.js";
import { RedisConnection } from "./redis-connection.js";
import { oneLine } from "./steps.js";
import { stopwatch, within } from "./time-limit.js";
import { type Layout, nodesOf } from "./topology-step.js";

const LIMIT_MS = 7_000;
const NODE_LIMIT_MS = 3_000;
/** Azure Managed Redis limits the rate of new connections. */
const AT_ONCE = 8;

interface Cluster {
  readonly endpoint: AzureEndpoint;
  readonly layout: Layout | undefined;
  readonly secureContext: Trust["secureContext"];
  readonly credentials: Credentials;
}

interface NodeResult {
  readonly announced: string;
  /** Where a client of this library goes. */
  readonly reachedAt: string;
  readonly isReached: boolean;
  readonly durationMs: number;
  readonly error: string | undefined;
  readonly certificate: CertificateFacts | undefined;
}

/** Goes to every node that the cluster announces, as a client of this library would. */
export async function visitNodes(examination: Examination, cluster: Cluster): Promise<void> {
  const { steps } = examination;
  const nodes = cluster.layout === undefined ? [] : nodesOf(cluster.layout);
  if (nodes.length === 0) return steps.skip("nodes", "the server names no nodes");
  await steps.run("nodes", LIMIT_MS, async (step) => {
    const results: NodeResult[] = [];
    step.facts["nodes"] = results;
    const left = [...nodes];
    const visitors = Array.from({ length: Math.min(AT_ONCE, left.length) }, async () => {
      for (let node = left.shift(); node !== undefined; node = left.shift()) {
        results.push(await visit(examination, cluster, node, step.signal));
      }
    });
    await within(examination.clock, step.atMost(LIMIT_MS), step.signal, () => Promise.all(visitors)).catch(
      () => {},
    );
    const reached = results.filter(({ isReached }) => isReached);
    if (reached.length < nodes.length) step.status = results.length > reached.length ? "failed" : "warning";
    const mapped = results.filter(({ announced, reachedAt }) => announced !== reachedAt).length;
    const how = mapped === 0 ? "" : `, ${mapped} of them by the endpoint's name in place of an IP address`;
    step.summary = `${reached.length} of ${nodes.length} reached${how}`;
    return true;
  });
}

async function visit(
  examination: Examination,
  cluster: Cluster,
  node: NodeAddress,
  signal: AbortSignal,
): Promise<NodeResult> {
  const { clock, steps } = examination;
  const mapped = mapOf(cluster.endpoint, node);
  const elapsedMs = stopwatch();
  let certificate: CertificateFacts | undefined;
  const result = { announced: labelOf(node), reachedAt: labelOf(mapped) };
  try {
    await within(clock, NODE_LIMIT_MS, signal, (signal) =>
      speakTo(cluster, mapped, signal, (seen) => {
        certificate = seen;
      }),
    );
    return { ...result, isReached: true, durationMs: elapsedMs(), error: undefined, certificate };
  } catch (error) {
    // A node that has not been waited for is not at fault.
    if (!signal.aborted) steps.fail("nodes", error, { facts: factsOf(node, mapped, certificate) });
    return { ...result, isReached: false, durationMs: elapsedMs(), error: oneLine(error), certificate };
  }
}

function mapOf({ host }: AzureEndpoint, node: NodeAddress): MappedAddress {
  return (isAddress(host) ? undefined : reachedByEndpoint(host)(node)) ?? node;
}

async function speakTo(
  { endpoint, secureContext, credentials }: Cluster,
  mapped: MappedAddress,
  signal: AbortSignal,
  onCertificate: (certificate: CertificateFacts) => void,
): Promise<void> {
  const socket = await openTcp(mapped, undefined, signal);
  socket.on("error", () => {});
  const serverName = mapped.servername ?? mapped.host;
  const stream = endpoint.isEncrypted
    ? await openTls(socket, { serverName, secureContext }, signal, onCertificate)
    : socket;
  const connection = new RedisConnection(stream, secretsOf(credentials));
  signal.addEventListener("abort", () => connection.close(), { once: true });
  try {
    const reply = await sendAuth(connection, credentials);
    if (reply instanceof ReplyError) throw reply;
    await connection.ask("PING");
  } finally {
    connection.close();
  }
}

function factsOf(node: NodeAddress, mapped: MappedAddress, certificate: CertificateFacts | undefined): Facts {
  return {
    isNode: true,
    host: mapped.host,
    port: mapped.port,
    address: node.host,
    hostIsAddress: isAddress(mapped.host),
    serverName: mapped.servername ?? mapped.host,
    ...(certificate === undefined ? {} : { certificateNames: certificate.names.join(", ") }),
  };
}
