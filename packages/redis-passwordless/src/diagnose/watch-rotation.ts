import { azureConnection } from "../azure/connection.js";
import type { AzureEndpoint } from "../azure/endpoint.js";
import { createIdentity } from "../azure/entra-id.js";
import { invalidOption } from "../core/errors.js";
import { ReplyError } from "../inband/reply.js";
import type { Identity } from "../reauth/identity.js";
import { openServer, secureContextOf } from "./dial.js";
import { labelOf } from "./environment-step.js";
import { type Examined, examineAll } from "./examine.js";
import { findingsOf } from "./findings.js";
import {
  type DoctorOptions,
  type DoctorSurroundings,
  type ResolvedOptions,
  resolveOptions,
} from "./options.js";
import { RedisConnection } from "./redis-connection.js";
import type { WatchEvent, WatchReport } from "./report.js";
import { RotationLog } from "./rotation-log.js";
import { pause, stopwatch, within } from "./time-limit.js";
import { libraryVersion } from "./version.js";
import { WatchedConnection } from "./watched-connection.js";

const CONNECT_LIMIT_MS = 10_000;
const PING_EVERY_MS = 1_000;
const PING_LIMIT_MS = 5_000;
/** A server's clock may differ a little: so long past the end, it would have cut the connection. */
const PAST_THE_END_MS = 1_500;

/** Who follows a rotation while it is watched. */
export interface RotationWatch {
  /** Ends it; what has happened by then is reported. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: WatchEvent) => void) | undefined;
}

/**
 * Logs in as an application does, stays, sends a PING each second on the same connection, and tells how it gets
 * through the end of its token. That takes as long as the token lives: about an hour, with a managed identity up to a
 * day.
 *
 * Does not begin when the login fails; the findings then say why.
 *
 * @throws {PasswordlessError} `ERR_PASSWORDLESS_INVALID_OPTION`, also for an access key, which has no end
 */
export async function watchRotation(
  options: DoctorOptions,
  surroundings: DoctorSurroundings,
  { signal = new AbortController().signal, onEvent }: RotationWatch = {},
): Promise<WatchReport> {
  const { clock } = surroundings;
  const startedAtMs = clock.now();
  const elapsedMs = stopwatch();
  const resolved = resolveOptions(options);
  const examined = await examineAll(resolved, surroundings, { signal }, "login");
  const log = new RotationLog(clock, onEvent);
  const outcome = examined.report.isHealthy
    ? await watch(resolved, surroundings, { signal, log })
    : signal.aborted
      ? "stopped"
      : "failed";
  return {
    kind: "watch",
    schema: 1,
    version: libraryVersion(),
    startedAtMs,
    durationMs: elapsedMs(),
    endpoint: examined.report.endpoint,
    identity: examined.report.identity,
    outcome,
    isHealthy: outcome === "survived" || (outcome === "stopped" && log.isClean && examined.report.isHealthy),
    ...log.figures,
    findings: findings(examined, log, outcome),
    events: log.events,
  };
}

function findings({ report, known }: Examined, log: RotationLog, outcome: WatchReport["outcome"]) {
  if (!report.isHealthy) return report.findings;
  // What has passed without harm is among the events.
  return outcome === "failed" ? findingsOf(log.failures, known) : [];
}

interface Watching {
  readonly signal: AbortSignal;
  readonly log: RotationLog;
}

async function watch(
  options: ResolvedOptions,
  { env, clock, random }: DoctorSurroundings,
  { signal, log }: Watching,
): Promise<WatchReport["outcome"]> {
  const { endpoint, login } = azureConnection(options.connection, env);
  if (login.kind === "accessKey") {
    throw invalidOption("connection", "an identity to be watched: an access key has no end");
  }
  const identity = createIdentity({ ...login.options, clock, random }, env);
  log.follow(identity);
  let connection: RedisConnection | undefined;
  try {
    connection = await within(clock, CONNECT_LIMIT_MS, signal, (signal) => open(endpoint, options, signal));
    return await stay(identity, connection, { endpoint, clock, signal, log });
  } catch (error) {
    if (signal.aborted) return "stopped";
    log.failed("disconnected", "the connection is lost", error);
    return "failed";
  } finally {
    connection?.close();
    await identity.close();
  }
}

async function open(
  endpoint: AzureEndpoint,
  { ca }: ResolvedOptions,
  signal: AbortSignal,
): Promise<RedisConnection> {
  const secureContext = endpoint.isEncrypted ? secureContextOf(ca) : undefined;
  const trust = { serverName: endpoint.serverName, secureContext };
  return new RedisConnection(await openServer(endpoint, trust, signal));
}

interface Stay extends Watching {
  readonly endpoint: AzureEndpoint;
  readonly clock: DoctorSurroundings["clock"];
}

/** Until the first token is over and the connection still answers. */
async function stay(
  identity: Identity,
  connection: RedisConnection,
  { endpoint, clock, signal, log }: Stay,
): Promise<"survived"> {
  const label = labelOf(endpoint);
  const reauthenticator = identity.reauthenticator(label, () => ({ label }));
  const first = await reauthenticator.tokenForLogin({ signal });
  const watched = new WatchedConnection(label, first, connection);
  await watched.authenticate(first);
  reauthenticator.accepted(first);
  log.connected(label, first, await connection.ask("CLIENT", "ID"));
  reauthenticator.enroll(watched, first);
  for (;;) {
    await pause(clock, PING_EVERY_MS, signal);
    const isPast = clock.now() > first.expiresAtMs + PAST_THE_END_MS;
    const elapsedMs = stopwatch();
    const reply = await within(clock, PING_LIMIT_MS, signal, () => connection.ask("PING"));
    log.answered(elapsedMs());
    // Without a login, or with one that has ended, not even a PING is allowed.
    if (reply instanceof ReplyError && /NOAUTH|WRONGPASS/i.test(reply.message)) throw reply;
    if (!isPast) continue;
    log.survived(await connection.ask("CLIENT", "ID"));
    return "survived";
  }
}
